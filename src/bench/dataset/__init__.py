"""The data, as declared: tables, columns and how their values come about."""

from bench.dataset.dataset import Dataset, ExistingDataset, GeneratedDataset, TableSpec

__all__ = ["Dataset", "ExistingDataset", "GeneratedDataset", "TableSpec"]
