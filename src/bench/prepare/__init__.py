"""Bring the data into the database, once: schema, ingest, keys and indexes, statistics.

A marker table says what was loaded, with one row for each table that is ours. It is written before the first table is
made (`loading`) and after the last step (`loaded`), so that an interrupted load is never taken for a finished one; a
workload that is going to change the data sets it to `changed` first. What is found `changed` is loaded anew, or kept
where the user says so; then the rows are counted before and after.
"""

from bench.prepare.decide import load_key, prepare
from bench.prepare.drift import DataDrift, drift_after, drift_before
from bench.prepare.marker import MARKER, mark_changed
from bench.prepare.parameters import resolve
from bench.prepare.state import DataState, Preparation, TableLoad

__all__ = [
    "MARKER",
    "DataDrift",
    "DataState",
    "Preparation",
    "TableLoad",
    "drift_after",
    "drift_before",
    "load_key",
    "mark_changed",
    "prepare",
    "resolve",
]
