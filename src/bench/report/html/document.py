"""What the page is made of, before it becomes HTML: sections of sentences, tables, charts and texts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

Spec: TypeAlias = dict[str, Any]
"""A Vega-Lite specification."""
Mark: TypeAlias = Literal["", "good", "bad", "even", "unsure"]
"""How a value is to be read, besides its text; shown by a sign and a colour."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Value:
    """One cell of a table."""

    text: str
    exact: float | str | None = None
    """What the table is sorted by, and a test compares: the number before it was rounded, in the unit of the file."""
    mark: Mark = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """A column of a table."""

    name: str
    field: str = ""
    """The published column that its values come from, if they come from one."""
    number: bool = True
    wide: bool = False
    """Its texts are sentences, or long names."""
    hint: str = ""
    """What the column means, where its name does not say it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """A table that reads without JavaScript, and can be sorted and filtered with it."""

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Value, ...], ...]
    note: str = ""
    name: str = ""
    """By which a test, or a script, finds it in the page."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Chart:
    """A drawing, and what it says in words for those who cannot see it."""

    title: str
    text: str
    spec: Spec
    wide: bool = False
    """Takes the whole width of the page, not a place in the grid."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Legend:
    """Which colour and dash stands for which cell, once for all charts below."""

    entries: tuple[tuple[str, int], ...]
    """Label and position in the palette."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Text:
    """A text to be shown as it is, such as a plan or a command."""

    title: str
    content: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Folded:
    """What is shown only when it is asked for, its parts side by side."""

    title: str
    parts: tuple[Text | Table, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Heading:
    """A title within a section."""

    title: str


Block: TypeAlias = Table | Chart | Legend | Text | Folded | Heading


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """A part of the page with a title of its own."""

    name: str
    """Anchor within the page: letters and hyphens."""
    title: str
    lines: tuple[str, ...] = ()
    """Sentences above the blocks."""
    blocks: tuple[Block, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Document:
    """The whole page."""

    title: str
    answer: str
    """The answer, in one sentence."""
    answers: tuple[str, ...]
    """The answers to single questions, where there are several: sentences."""
    details: tuple[str, ...]
    """What the answer leaves out for brevity."""
    caveats: tuple[str, ...]
    """What a reader has to know before believing the answer."""
    facts: Mapping[str, str]
    """What, where and when, by name."""
    sections: tuple[Section, ...]
