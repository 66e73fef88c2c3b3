"""The data, as declared: tables, columns and how their values come about."""

from bench.dataset.dataset import CopiedDataset, Dataset, ExistingDataset, GeneratedDataset, TableSpec

__all__ = ["CopiedDataset", "Dataset", "ExistingDataset", "GeneratedDataset", "TableSpec"]
