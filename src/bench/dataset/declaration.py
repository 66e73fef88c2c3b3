"""What the columns of a dataset say of each other: types, nullability, the order of tables; and what cannot be so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from bench.dataset.columns import (
    MOMENTS,
    NUMBERS,
    WHOLE,
    ColumnSpec,
    SequenceColumn,
    TemplateColumn,
)
from bench.dataset.links import AfterColumn, Derived, ForeignKeyColumn, InheritColumn, Reference
from bench.errors import ConfigError, nearest
from bench.literals import encode, whole_limits

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bench.dataset.dataset import TableSpec
    from bench.model import LogicalType

Place: TypeAlias = tuple[str, str]
"""Table and column."""


@dataclass(frozen=True, kw_only=True)
class Declaration:
    """The tables of a dataset, checked as a whole.

    Raises:
        ConfigError: Two parts contradict each other; the key says where.
    """

    tables: Mapping[str, TableSpec]
    rows: Mapping[str, int]
    """Number of rows of each table at the wanted scale."""

    def __post_init__(self) -> None:
        for place in self.places():
            self._check_links(place)
        self._check_cycles()
        for place in self.places():
            _LATE_CHECKS.get(self.spec(place).label, _nothing)(self, place)
        for name in self.tables:
            self._check_keys(name)
        self.table_order()

    def places(self) -> Iterable[Place]:
        """Every column of every table, in declared order."""
        return [(table, column) for table, spec in self.tables.items() for column in spec.columns]

    def spec(self, place: Place) -> ColumnSpec:
        """The declaration of a column."""
        return self.tables[place[0]].columns[place[1]]

    def source(self, place: Place) -> Place:
        """The column that a derived column is made from."""
        spec = self.spec(place)
        if not isinstance(spec, Derived):
            raise TypeError(f"{_key(place)} is made from no other column")
        return (self.reference((place[0], spec.through)).target[0] if spec.through else place[0]), spec.column

    def reference(self, place: Place) -> Reference:
        """The declaration of a column that refers to another table."""
        spec = self.spec(place)
        if not isinstance(spec, Reference):
            raise TypeError(f"{_key(place)} refers to no table")
        return spec

    def type_of(self, place: Place) -> LogicalType:
        """The type of a column, its own or that of the column it depends on."""
        spec = self.spec(place)
        if (own := spec.own_type) is not None:
            return own
        return self.type_of(spec.target if isinstance(spec, Reference) else self.source(place))

    def nullable(self, place: Place) -> bool:
        """Some rows have no value: by the column's own null ratio, or because what it is made from has none."""
        spec = self.spec(place)
        if spec.null_ratio or not isinstance(spec, Derived):
            return spec.null_ratio > 0
        return self.nullable(self.source(place)) or (bool(spec.through) and self.nullable((place[0], spec.through)))

    def refers_to(self, place: Place) -> Place | None:
        """The key that a column refers to, by itself or because it repeats a column that does."""
        spec = self.spec(place)
        if isinstance(spec, Reference):
            return spec.target
        return self.refers_to(self.source(place)) if isinstance(spec, InheritColumn) else None

    def table_order(self) -> tuple[str, ...]:
        """The tables in declared order, but each after those that it refers to."""
        order: list[str] = []

        def visit(table: str, path: tuple[str, ...]) -> None:
            if table in path:
                circle = " -> ".join((*path[path.index(table) :], table))
                raise ConfigError(f"tables refer to each other in a circle: {circle}", key=f"tables.{table}")
            if table in order:
                return
            for spec in self.tables[table].columns.values():
                if isinstance(spec, Reference) and spec.target[0] != table:
                    visit(spec.target[0], (*path, table))
            order.append(table)

        for name in self.tables:
            visit(name, ())
        return tuple(order)

    def depends_on(self, place: Place) -> tuple[Place, ...]:
        """The columns whose values must be known before those of `place`."""
        spec, table = self.spec(place), place[0]
        if isinstance(spec, Derived):
            return (self.source(place), *([(table, spec.through)] if spec.through else []))
        if isinstance(spec, ForeignKeyColumn) and spec.within:
            return (table, spec.within), (spec.target[0], spec.within)
        return ()

    def _check_cycles(self) -> None:
        done: set[Place] = set()

        def visit(place: Place, path: tuple[Place, ...]) -> None:
            if place in path:
                circle = " -> ".join(".".join(step) for step in (*path[path.index(place) :], place))
                raise ConfigError(f"the column depends on itself: {circle}", key=_key(place))
            if place not in done:
                for needed in self.depends_on(place):
                    visit(needed, (*path, place))
                done.add(place)

        for place in self.places():
            visit(place, ())

    def _check_links(self, place: Place) -> None:
        """Everything that a column names must be there."""
        table, spec = place[0], self.spec(place)
        if isinstance(spec, Reference):
            self._check_reference(place, spec)
        if isinstance(spec, ForeignKeyColumn) and spec.within:
            for owner in (table, spec.target[0]):
                self._check_known((owner, spec.within), place, "within")
        if isinstance(spec, Derived):
            if spec.through:
                self._check_known((table, spec.through), place, "through")
                if not isinstance(self.spec((table, spec.through)), Reference):
                    raise _error(
                        place,
                        "through",
                        f"'{spec.through}' refers to no table; name a column of kind foreign_key or parent",
                    )
                self._check_reference((table, spec.through), self.reference((table, spec.through)))
            self._check_known(self.source(place), place, "column")

    def _check_reference(self, place: Place, spec: Reference) -> None:
        owner, column = spec.target
        if owner not in self.tables:
            raise _error(
                place,
                "references",
                f"no table '{owner}'; there are {', '.join(self.tables)}{nearest(owner, self.tables)}",
            )
        self._check_known(spec.target, place, "references")
        keys = [key for key in self.tables[owner].unique_columns if isinstance(self.spec((owner, key)), SequenceColumn)]
        if column not in keys:
            raise _error(
                place,
                "references",
                f"'{spec.references}' is no key: of kind sequence, and the primary key or uniquely indexed"
                f" ({owner} has {', '.join(keys) or 'none'})",
            )

    def _check_known(self, wanted: Place, place: Place, field: str) -> None:
        table, column = wanted
        columns = self.tables[table].columns
        if column not in columns:
            raise _error(
                place,
                field,
                f"no column '{column}' in {table}; there are {', '.join(columns)}{nearest(column, columns)}",
            )

    def _check_keys(self, table: str) -> None:
        spec = self.tables[table]
        for column in spec.primary_key:
            if self.nullable((table, column)):
                raise ConfigError(
                    f"'{column}' has rows without a value; a primary key has none", key=f"tables.{table}.primary_key"
                )
        for column in spec.unique_columns:
            if not isinstance(spec.columns[column], SequenceColumn | TemplateColumn):
                raise ConfigError(
                    f"'{column}' is of kind {spec.columns[column].label}, whose values may repeat;"
                    " a key by itself is of kind sequence or template",
                    key=f"tables.{table}.columns.{column}.kind",
                )


def _key(place: Place) -> str:
    return f"tables.{place[0]}.columns.{place[1]}"


def _error(place: Place, field: str, message: str) -> ConfigError:
    return ConfigError(message, key=f"{_key(place)}.{field}")


def _nothing(_: Declaration, __: Place) -> None:
    """A kind that says nothing of other columns."""


def _check_same_type(declared: Declaration, place: Place, other: Place) -> None:
    own, theirs = declared.type_of(place), declared.type_of(other)
    if own != theirs:
        raise _error(
            place, "type", f"{own} differs from {'.'.join(other)}, which is {theirs}; leave the type out or repeat it"
        )


def _check_foreign_key(declared: Declaration, place: Place) -> None:
    spec, (table, _) = declared.spec(place), place
    if not isinstance(spec, ForeignKeyColumn):
        return
    owner = spec.target[0]
    _check_same_type(declared, place, spec.target)
    if owner == table and not spec.null_ratio:
        raise _error(
            place, "null_ratio", "0 is impossible for a reference to the own table: the first row has no earlier one"
        )
    if (spec.within or spec.cover) and owner == table:
        raise _error(place, "references", "within and cover do not fit a reference to the own table")
    if spec.within and spec.cover:
        raise _error(place, "cover", "true does not fit within; choose one of them")
    if spec.cover and declared.rows[table] < declared.rows[owner]:
        raise _error(
            place, "cover", f"{declared.rows[table]} rows cannot refer to all {declared.rows[owner]} rows of {owner}"
        )
    for wanted in [(table, spec.within), (owner, spec.within)] if spec.within else []:
        if declared.type_of(wanted).name not in WHOLE or declared.nullable(wanted):
            raise _error(place, "within", f"{'.'.join(wanted)} must be a column of whole numbers without nulls")


def _check_parent(declared: Declaration, place: Place) -> None:
    spec = declared.reference(place)
    if spec.target[0] == place[0]:
        raise _error(place, "references", "a parent is in another table; use kind: foreign_key for the own one")
    _check_same_type(declared, place, spec.target)


def _check_inherit(declared: Declaration, place: Place) -> None:
    _check_same_type(declared, place, declared.source(place))


def _check_ratio(declared: Declaration, place: Place) -> None:
    source = declared.source(place)
    if declared.type_of(source).name not in NUMBERS:
        raise _error(place, "column", f"{'.'.join(source)} is {declared.type_of(source)}, not a number")


def _check_after(declared: Declaration, place: Place) -> None:
    spec, source = declared.spec(place), declared.source(place)
    if declared.type_of(source).name not in MOMENTS:
        raise _error(place, "column", f"{'.'.join(source)} is {declared.type_of(source)}, not a date or timestamp")
    if isinstance(spec, AfterColumn) and declared.type_of(place).name == "date" and (spec.low_s or spec.high_s):
        raise _error(place, "low_s", "seconds mean nothing to a date; use low_days and high_days")


def _check_sequence(declared: Declaration, place: Place) -> None:
    spec = declared.spec(place)
    if not isinstance(spec, SequenceColumn) or spec.logical.name in MOMENTS:
        return
    last = int(encode(spec.low, spec.logical, "low")) + (declared.rows[place[0]] - 1) * spec.step
    low, high = whole_limits(spec.logical)
    if not low <= last <= high:
        raise _error(place, "type", f"{spec.logical} cannot hold {last}, the value of the last row; use bigint")


def _check_template(declared: Declaration, place: Place) -> None:
    spec = declared.spec(place)
    if not isinstance(spec, TemplateColumn):
        return
    before, digits, after = spec.parts
    longest = len(before) + len(after) + max(digits, len(str(declared.rows[place[0]])))
    if 0 < spec.logical.length < longest:
        raise _error(place, "type", f"'{spec.type}' is too short: the last row's text has {longest} characters")


_LATE_CHECKS = {
    "sequence": _check_sequence,
    "template": _check_template,
    "foreign_key": _check_foreign_key,
    "parent": _check_parent,
    "inherit": _check_inherit,
    "ratio": _check_ratio,
    "after": _check_after,
}
