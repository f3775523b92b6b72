"""Writes the two Parquet files, TRAIN and TEST, that every contender reads.

All columns, types and the order of rows stay those of the data. Nothing is encoded or bucketed here: that is part
of each contender's own work and time.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import task

# As in the bundled data: small enough for readers that share a file out by row group.
_ROW_GROUP = 65_536


class BadDataError(Exception):
    """The data can't be used; the message says why."""


@dataclass(frozen=True)
class Split:
    """The files of the split and what is in them."""

    train: Path
    test: Path
    train_rows: int
    test_rows: int
    test_class_counts: tuple[int, ...]

    @property
    def majority_accuracy(self) -> float:
        """The accuracy of always answering the most frequent class: what a forest must beat."""
        return max(self.test_class_counts) / self.test_rows


def write_split(data: Path, folder: Path) -> Split:
    """Splits `data` into two files in `folder`."""
    table = _read(data)
    in_train = task.is_train(table.num_rows)
    train, test = table.filter(pa.array(in_train)), table.filter(pa.array(~in_train))
    labels = task.labels_of(test[task.DELAY].to_numpy())
    return Split(
        train=_write(train, folder / "train.parquet"),
        test=_write(test, folder / "test.parquet"),
        train_rows=train.num_rows,
        test_rows=test.num_rows,
        test_class_counts=tuple(np.bincount(labels, minlength=task.CLASSES).tolist()),
    )


def _read(data: Path) -> pa.Table:
    # The rows of a folder are those of its files one after the other, by name.
    files = sorted(data.glob("*.parquet")) if data.is_dir() else [data]
    if not files:
        raise BadDataError(f"there is no *.parquet in the folder {data}.")
    try:
        table = pa.concat_tables([pq.read_table(file) for file in files])
    except (OSError, pa.ArrowInvalid) as error:
        raise BadDataError(f"{data} can't be read as Parquet: {error}") from error
    for name in task.COLUMNS:
        if name not in table.column_names:
            raise BadDataError(f"{data} has no column {name}; a row needs {', '.join(task.COLUMNS)}.")
        if nulls := table[name].null_count:
            raise BadDataError(f"{data} has {nulls:,} nulls in {name}, and not every peer takes them.")
    return table


def _write(table: pa.Table, path: Path) -> Path:
    pq.write_table(table, path, row_group_size=_ROW_GROUP)
    return path
