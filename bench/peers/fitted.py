"""A peer's trained model, as far as it is asked anything: rows become what its library takes, and that probabilities."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import rows
from worker import Answer, Job


@dataclass(frozen=True)
class Fitted:
    """A trained model. `encode` looks categories up; what is left to the library itself is in `predict`."""

    fit_seconds: float
    encode: Callable[[rows.Rows], Any]
    predict: Callable[[Any], NDArray[np.floating[Any]]]


Fit = Callable[[rows.Rows, Job], Fitted]


def train_and_predict(fit: Fit) -> Callable[[Job], Answer]:
    """The whole of a peer that is asked for the held-out rows."""

    def done(job: Job) -> Answer:
        fitted = fit(rows.read(job.train), job)
        model_at = time.monotonic()
        test = rows.read(job.test)
        return Answer(fitted.fit_seconds, model_at, test.labels, np.asarray(fitted.predict(fitted.encode(test))))

    return done
