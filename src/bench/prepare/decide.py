"""Which way the data come, and whether they are there already."""

from __future__ import annotations

import hashlib
from dataclasses import replace

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
            state = _state(preparation)
            if state:
                loads = _reused(preparation, dataset, changed=state == CHANGED)
            else:
                loads = load(preparation, dataset)
                _loaded(preparation)
            return DataState(fingerprint=dataset.fingerprint, loads=tuple(loads), changed=state == CHANGED)
        case CopiedDataset() as dataset:
            state = _state(preparation)
            if not state:
                copy(preparation, dataset)
                _loaded(preparation)
            return replace(look(preparation), changed=state == CHANGED)
    return look(preparation)


def _reused(preparation: Preparation, dataset: GeneratedDataset, *, changed: bool) -> list[TableLoad]:
    """The tables that are there already, with the rows that they were loaded with, or have by now."""
    now = preparation.database.tables(preparation.namespace) if changed else {}
    return [
        TableLoad(
            table=table.name,
            rows=now[table.name].rows if table.name in now else dataset.rows(table.name),
            reused=True,
        )
        for table in dataset.shape
    ]


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


def _state(preparation: Preparation) -> str:
    """What the marker says of data that can be used; empty: there is room for them now."""
    key = load_key(preparation)
    there = preparation.database.table_names(preparation.namespace)
    found = read_marker(preparation, there)
    if found and found.load_key == key and found.tables <= there:
        if found.state == LOADED:
            preparation.say("data: already loaded, reused")
            return LOADED
        if found.state == CHANGED and preparation.keep:
            preparation.say("data: changed by an earlier workload, kept as they are")
            return CHANGED
    if found and found.state == CHANGED:
        preparation.say("data: changed by an earlier workload, loaded anew")
    elif found and found.state == LOADING:
        preparation.say("data: an earlier load did not finish, loaded anew")
    make_room(preparation, key, there, found)
    return ""


def _loaded(preparation: Preparation) -> None:
    preparation.database.apply([set_state(preparation.namespace, LOADED)])
