"""Stages: files on the way into tables. fakesnow keeps them in a directory; here is what it lacks."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from fakesnow.transforms import stage
from sqlglot import exp

from bench.emulator import errors
from bench.emulator.results import Result, listing, status
from bench.emulator.tables import name_of

if TYPE_CHECKING:
    from bench.emulator.catalogue import TableName
    from bench.emulator.engine import Cursor
    from bench.emulator.sessions import Session
    from bench.emulator.statement import Statement

HARMLESS_OPTIONS = ("LOAD_UNCERTAIN_FILES", "RETURN_FAILED_ONLY", "ENFORCE_LENGTH", "TRUNCATECOLUMNS", "SIZE_LIMIT")
"""Options of COPY that change nothing in a load without errors."""
SWITCHED_OPTIONS = ("FORCE", "PURGE")
"""Options of COPY that fakesnow takes for set whatever they are set to."""


def answer(session: Session, statement: Statement) -> Result | None:
    """The result of REMOVE or DROP STAGE, None for any other statement.

    Raises:
        SqlError: No such stage.
    """
    tree = statement.tree
    if isinstance(tree, exp.Drop) and str(tree.args.get("kind")).upper() == "STAGE":
        return _drop(session, tree)
    if not isinstance(tree, exp.Command) or str(tree.this).upper() not in ("REMOVE", "RM"):
        return None
    written = tree.expression.name if isinstance(tree.expression, exp.Literal) else str(tree.expression)
    name, _, path = written.strip().strip("'").removeprefix("@").partition("/")
    removed = _remove(session, name, path.split(" ")[0])
    return listing(["name", "result"], [[each, "removed"] for each in removed])


def _drop(session: Session, tree: exp.Drop) -> Result:
    place = name_of(session, tree.args["tables"][0])
    if not _forget(session, place) and not tree.args.get("exists"):
        raise errors.missing("Stage", str(place))
    return status(f"{place.table} successfully dropped.")


def _forget(session: Session, place: TableName) -> bool:
    found = session.account.engine.drop_stage(place.database, place.schema, place.table)
    if found:
        shutil.rmtree(stage.internal_dir(str(place)), ignore_errors=True)
    return found


def note_temporary(session: Session, tree: exp.Expr) -> None:
    """After CREATE TEMPORARY STAGE: have the stage go with the session."""
    if not isinstance(tree, exp.Create) or str(tree.args.get("kind")).upper() != "STAGE":
        return
    if tree.find(exp.TemporaryProperty):
        place = name_of(session, tree.this)
        session.at_end.append(lambda: _forget(session, place))


def _remove(session: Session, name: str, path: str) -> list[str]:
    root = Path(_root(session, name))
    found = sorted(each for each in root.rglob("*") if each.is_file() and str(each.relative_to(root)).startswith(path))
    for each in found:
        each.unlink()
    return [stage.internal_file_name(str(each)) for each in found]


def _root(session: Session, name: str) -> str:
    connection = session.connection
    database, schema, own = stage.parts_from_var(name, connection.database, connection.schema)
    sql = stage.stage_lookup_sql(database, schema, own, connection.table_stages)
    found = session.engine.execute(sql).fetchone()
    if found is None:
        raise errors.missing("Stage", f"{database}.{schema}.{own}")
    return str(stage.internal_dir(found[0]))


def simplify_copy(tree: exp.Expr) -> exp.Expr:
    """COPY INTO with the options that fakesnow understands, switches only where they are on."""
    if not isinstance(tree, exp.Copy):
        return tree
    kept = []
    for option in tree.args.get("params") or []:
        name = option.this.name.upper()
        is_off = name in SWITCHED_OPTIONS and option.expression == exp.false()
        if name not in HARMLESS_OPTIONS and not is_off:
            kept.append(option)
    tree.set("params", kept)
    return tree


def upload(cursor: Cursor, tree: exp.Expr) -> dict[str, object] | None:
    """Where the driver is to lay the files of PUT, None where the statement was another.

    The driver copies them itself: it runs on this machine, as the emulator serves no other.
    """
    noted = cursor.last_transformed
    data = noted.args.get("put_stage_data") if noted is not None else None
    if data is None:
        return None
    options = {
        each.this.name.upper(): each.args["value"].name.upper()
        for each in (tree.args["properties"].expressions if tree.args.get("properties") else [])
    }
    location = data["stageInfo"]["location"]
    Path(location).mkdir(parents=True, exist_ok=True)
    return {
        **data,
        "parallel": int(options.get("PARALLEL", "4")),
        "overwrite": options.get("OVERWRITE") == "TRUE",
        "sourceCompression": options.get("SOURCE_COMPRESSION", "AUTO_DETECT").lower(),
    }
