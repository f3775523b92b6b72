"""Reads TRAIN or TEST into columns, and columns into one matrix of numbers.

For the peers that live in Python; PySpark reads and encodes with its own means.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

import task


@dataclass(frozen=True)
class Rows:
    """The features and labels of one file, column by column, nothing encoded."""

    numeric: dict[str, NDArray[np.float32]]
    categorical: dict[str, pa.ChunkedArray]
    labels: NDArray[np.int64]


def read(path: Path) -> Rows:
    table = pq.read_table(path, columns=list(task.COLUMNS))
    route = pc.binary_join_element_wise(table["Origin"], table["Dest"], "-")
    table = table.append_column("Route", route)
    return Rows(
        numeric={name: table[name].to_numpy().astype(np.float32) for name in task.NUMERIC},
        categorical={name: table[name] for name in task.CATEGORICAL},
        labels=task.labels_of(table[task.DELAY].to_numpy()),
    )


@dataclass(frozen=True)
class Encoder:
    """Gives each category of the training rows a code, in the order of names."""

    vocabularies: dict[str, pa.Array]

    @classmethod
    def of(cls, train: Rows) -> Encoder:
        return cls({name: _sorted(pc.unique(column)) for name, column in train.categorical.items()})

    def matrix(self, rows: Rows) -> NDArray[np.float32]:
        """One row per row, one column per feature, in the order of `task.FEATURES`."""
        codes = [self._codes(name, rows.categorical[name]) for name in task.CATEGORICAL]
        return np.column_stack([*(rows.numeric[name] for name in task.NUMERIC), *codes])

    def _codes(self, name: str, column: pa.ChunkedArray) -> NDArray[np.float32]:
        vocabulary = self.vocabularies[name]
        found = pc.index_in(column, value_set=vocabulary)
        # What was never seen in training shares one code of its own.
        codes: NDArray[np.int32] = found.fill_null(len(vocabulary)).to_numpy()
        return codes.astype(np.float32)


def _sorted(values: pa.Array) -> pa.Array:
    return values.take(pc.sort_indices(values))
