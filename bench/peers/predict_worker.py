"""One peer, one trained model: how fast it predicts. Started by predict.py; prints one JSON object.

The model is trained as in `peer_<name>.py`. Every figure is the median of several runs after one that warms up.
"""

from __future__ import annotations

import argparse
import importlib
import json
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any, Final

import numpy as np
import pyarrow as pa

import rows
import task
from fitted import Fitted
from worker import Job, timed

# As in `bench-predict`.
_ROWS: Final = 200_000
_RUNS: Final = 5
_ALONE: Final = 300


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer", required=True)
    parser.add_argument("--train", type=Path, required=True)
    parser.add_argument("--test", type=Path, required=True)
    parser.add_argument("--threads", type=int, required=True)
    given = parser.parse_args()
    job = Job(given.train, given.test, task.Forest(), 1, given.threads)
    fitted: Fitted = importlib.import_module(f"peer_{given.peer}").fit(rows.read(job.train), job)
    test = rows.read(job.test)
    many = _repeated(test)
    encoded = fitted.encode(many)
    count = len(many.labels)
    lone = [fitted.encode(_row(test, place)) for place in range(_ALONE)]
    print(
        json.dumps(
            {
                "rows": count,
                "encoded_rows_per_second": count / _median(lambda: fitted.predict(encoded)),
                "raw_rows_per_second": count / _median(lambda: fitted.predict(fitted.encode(many))),
                "one_microseconds": _median(lambda: [fitted.predict(row) for row in lone]) / _ALONE * 1e6,
            }
        )
    )


def _median(work: Callable[[], Any]) -> float:
    work()
    return median(timed(work)[1] for _ in range(_RUNS))


def _repeated(of: rows.Rows) -> rows.Rows:
    """The same rows again and again, until there are enough."""
    times = -(-_ROWS // len(of.labels))
    return rows.Rows(
        numeric={name: np.tile(column, times) for name, column in of.numeric.items()},
        categorical={name: pa.chunked_array(column.chunks * times) for name, column in of.categorical.items()},
        labels=np.tile(of.labels, times),
    )


def _row(of: rows.Rows, place: int) -> rows.Rows:
    return rows.Rows(
        numeric={name: column[place : place + 1] for name, column in of.numeric.items()},
        categorical={name: column.slice(place, 1) for name, column in of.categorical.items()},
        labels=of.labels[place : place + 1],
    )


if __name__ == "__main__":
    main()
