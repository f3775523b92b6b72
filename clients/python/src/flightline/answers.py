"""Answers of a stream as tables of pandas, from where its sinks have put them: a folder of files, or MongoDB.

The collections and topics that a job keeps by itself (`embedded:`) have no door for Python: ask the page (`Page`), or
give the job a sink of files.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from .errors import UnreachableError
from .extras import extra

if TYPE_CHECKING:
    import pandas as pd

#: The classes of delay, by their number in `Prediction`.
CLASSES = (
    "early by more than 15 min",
    "early by up to 15 min",
    "on time or late by under 30 min",
    "late by 30 min or more",
)

#: Where the course's clients look for answers.
COLLECTION = "agile_data_science.flight_delay_ml_response"


def read_files(folder: str | os.PathLike[str]) -> pd.DataFrame:
    """The answers in a folder of a sink of files: `log_partition=P/OFFSET.jsonl`, `.txt` or `.parquet`, in the order of
    partitions and offsets. Hidden files are the sink's own. A folder that isn't there yet has no answers."""
    rows: list[Mapping[str, Any]] = []
    for path in sorted(Path(folder).glob("log_partition=*/*"), key=_place):
        if path.name.startswith("."):
            continue
        if path.suffix == ".parquet":
            rows += extra("pyarrow.parquet", "tables").ParquetFile(path).read().to_pylist()
        elif path.suffix in (".jsonl", ".txt"):
            rows += [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return table(rows)


def read_mongodb(url: str, collection: str = COLLECTION, query: Mapping[str, Any] | None = None) -> pd.DataFrame:
    """The answers in a collection `DATABASE.NAME` of MongoDB; of those that match, if a query is given.

    Raises:
        UnreachableError: no MongoDB answers there, or it refuses.
    """
    database, _, name = collection.partition(".")
    if not database or not name:
        raise ValueError(f"{collection!r} is no collection: write DATABASE.NAME, such as {COLLECTION}")
    pymongo = extra("pymongo", "mongodb")
    try:
        with pymongo.MongoClient(url) as client:
            return table(list(client[database][name].find(query or {}, {"_id": False})))
    except pymongo.errors.PyMongoError as error:
        # What is before the host may be a password.
        where = url.rpartition("@")[2].removeprefix("mongodb://").partition("/")[0]
        why = str(error).partition(" (configured timeouts")[0]
        raise UnreachableError(f"answers can't be read from MongoDB at {where}: {why}") from error


def table(answers: list[Mapping[str, Any]]) -> pd.DataFrame:
    """A row for each answer: its fields, its `Prediction` in words, and a column for the probability of each class."""
    pandas = extra("pandas", "tables")
    shares = [f"P({name})" for name in CLASSES]
    rows: list[dict[str, Any]] = []
    for answer in answers:
        # What no answer has is a column all the same, so that who reads it need not ask whether there is one.
        row = {"Error": None, "Prediction": None, **answer, **dict.fromkeys(shares)}
        row |= dict(zip(shares, row.pop("Probabilities", None) or [], strict=False))
        row["Delay"] = None if row["Prediction"] is None else CLASSES[int(row["Prediction"])]
        rows.append(row)
    if not rows:
        return cast(
            "pd.DataFrame", pandas.DataFrame(columns=["UUID", "Status", "Error", "Prediction", *shares, "Delay"])
        )
    made: pd.DataFrame = pandas.DataFrame(rows)
    made[shares] = made[shares].astype(float)
    made["Delay"] = pandas.Categorical(made["Delay"], categories=CLASSES, ordered=True)
    # Beside errors, which have none, whole numbers would become fractions.
    made["Prediction"] = made["Prediction"].astype("Int64")
    return made


def _place(path: Path) -> tuple[int, str]:
    partition = path.parent.name.partition("=")[2]
    return (int(partition) if partition.isdigit() else -1, path.name)
