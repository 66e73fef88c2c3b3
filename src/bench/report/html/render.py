"""The document as one HTML file that needs nothing else: no network, no other file."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from importlib.resources import files

from bench.errors import ResultError
from bench.report.html import drawing
from bench.report.html.document import Chart, Document, Folded, Section, Table

LIMIT_BYTES = 2_000_000
SCRIPTS = ("vega.min.js", "vega-lite.min.js", "vega-embed.min.js")
LICENCES = ("vega.LICENSE", "vega-lite.LICENSE", "vega-embed.LICENSE", "bundled.LICENSE")
SHED = ("plans", "over-time", "distribution", "server", "configuration", "results")
"""What is given up first where a page would be too big."""


def render_html(document: Document) -> str:
    """The page, below `LIMIT_BYTES` whatever the document holds.

    Raises:
        ResultError: It cannot be made so small.
    """
    content = document
    for name in (None, *SHED):
        if name:
            content = _without(content, name)
        text = _rendered(content)
        if len(text.encode()) < LIMIT_BYTES:
            return text
    raise ResultError(
        f"the page of {document.title} would be above {LIMIT_BYTES / 1e6:g} MB; report fewer directories at once"
    )


def inlined(value: object) -> str:
    """JSON that cannot end, or open, anything in the HTML around it."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _without(document: Document, name: str) -> Document:
    """The document with a section emptied of what is big in it."""
    note = "Left out to keep this page small; the files of the results have it, as has a report of fewer directories."

    def emptied(section: Section) -> Section:
        if section.name != name:
            return section
        kept = tuple(each for each in section.blocks if not isinstance(each, Chart | Folded | Table))
        return replace(section, blocks=kept, lines=(*section.lines, note))

    return replace(document, sections=tuple(map(emptied, document.sections)))


def _rendered(document: Document) -> str:
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["inlined"] = lambda value: Markup(inlined(value))
    scripts = [*(_asset("vendor", name) for name in SCRIPTS), _asset("templates", "page.js")]
    template = environment.from_string(_asset("templates", "report.html.j2"))
    return template.render(
        document=document,
        version=version("bench"),
        policy=_policy(scripts),
        style=_asset("templates", "style.css"),
        scripts=scripts,
        licences="\n".join(_asset("vendor", name) for name in LICENCES).replace("--", "- -"),
        colours=drawing.COLOURS,
        dashes=[[] if each == (1, 0) else each for each in drawing.DASHES],
    )


def _policy(scripts: Sequence[str]) -> str:
    """The browser runs these scripts and no other, and asks nobody for anything."""
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in scripts
    )
    rules: Mapping[str, str] = {
        "default-src": "'none'",
        "script-src": hashes,
        "style-src": "'unsafe-inline'",
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in rules.items())


def _asset(folder: str, name: str) -> str:
    return (files("bench.report.html") / folder / name).read_text(encoding="utf-8")
