"""Which way the data come, and whether they are there already."""

from __future__ import annotations

import hashlib

from bench.dataset import CopiedDataset, GeneratedDataset
from bench.prepare.copying import copy, copy_ddl
from bench.prepare.existing import look
from bench.prepare.loading import load
from bench.prepare.marker import CHANGED, LOADED, LOADING, make_room, read_marker, set_state
from bench.prepare.state import DataState, Preparation, TableLoad


def prepare(preparation: Preparation) -> DataState:
    """Make sure that the data are there, in the declared state.

    Raises:
        PrepareError: Tables are missing, or are there and are not ours, or rows were lost on the way.
    """
    match preparation.dataset:
        case GeneratedDataset() as dataset:
            if _there_already(preparation):
                loads = [
                    TableLoad(table=table.name, rows=dataset.rows(table.name), reused=True) for table in dataset.shape
                ]
            else:
                loads = load(preparation, dataset)
                _loaded(preparation)
            return DataState(fingerprint=dataset.fingerprint, loads=tuple(loads))
        case CopiedDataset() as dataset:
            if not _there_already(preparation):
                copy(preparation, dataset)
                _loaded(preparation)
    return look(preparation)


def load_key(preparation: Preparation) -> str:
    """Hash of the data's declaration and of the DDL that holds them: equal keys, equal state."""
    seen = hashlib.sha256(preparation.dataset.fingerprint.encode())
    for table in preparation.dataset.shape:
        if isinstance(preparation.dataset, CopiedDataset):
            seen.update(copy_ddl(preparation, preparation.dataset, table).encode())
        else:
            seen.update(preparation.backend.create_table(table, preparation.namespace).encode())
        seen.update("".join(preparation.backend.after_load(table, preparation.namespace)).encode())
    seen.update("".join(preparation.schema_ddl).encode())
    return seen.hexdigest()


def _there_already(preparation: Preparation) -> bool:
    """Whether the marker says so; otherwise there is room for them afterwards."""
    key = load_key(preparation)
    there = preparation.database.table_names(preparation.namespace)
    found = read_marker(preparation, there)
    if found and (found.load_key, found.state) == (key, LOADED) and found.tables <= there:
        preparation.say("data: already loaded, reused")
        return True
    if found and found.state == CHANGED:
        preparation.say("data: changed by an earlier workload, loaded anew")
    elif found and found.state == LOADING:
        preparation.say("data: an earlier load did not finish, loaded anew")
    make_room(preparation, key, there, found)
    return False


def _loaded(preparation: Preparation) -> None:
    preparation.database.apply([set_state(preparation.namespace, LOADED)])
