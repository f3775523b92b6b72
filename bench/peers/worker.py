"""The frame of a peer's process: takes a job from the command line, leaves an answer in a file.

Each `peer_*.py` is one such process and hands `serve` the one function that differs. It imports no library of a
peer, nor anything slow, because the time of a peer starts with its process.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

import task

T = TypeVar("T")


@dataclass(frozen=True)
class Job:
    """What a peer is to train on and to predict."""

    train: Path
    test: Path
    forest: task.Forest
    seed: int
    threads: int


@dataclass(frozen=True)
class Answer:
    """What a peer found: for each held-out row the true class and the probability of every class.

    The labels go with the probabilities because a distributed peer may answer in an order of its own. `model_at` is when it
    had its model, by the system's clock of `time.monotonic`, which whoever started the process reads, too.
    """

    fit_seconds: float
    model_at: float
    labels: NDArray[np.int64]
    probabilities: NDArray[np.float64]

    def save(self, path: Path) -> None:
        np.savez(
            path,
            fit_seconds=self.fit_seconds,
            model_at=self.model_at,
            labels=self.labels,
            probabilities=self.probabilities,
        )

    @classmethod
    def load(cls, path: Path) -> Answer:
        with np.load(path) as arrays:
            seconds = float(arrays["fit_seconds"]), float(arrays["model_at"])
            return cls(*seconds, arrays["labels"], arrays["probabilities"])


def timed(work: Callable[[], T]) -> tuple[T, float]:
    """The result of `work` and the seconds it took."""
    started = time.perf_counter()
    result = work()
    return result, time.perf_counter() - started


def arguments(job: Job, answer: Path) -> list[str]:
    """The command line that `serve` understands."""
    return [
        f"--train={job.train}",
        f"--test={job.test}",
        f"--trees={job.forest.trees}",
        f"--depth={job.forest.depth}",
        f"--features={job.forest.features}",
        f"--impurity={job.forest.impurity}",
        f"--seed={job.seed}",
        f"--threads={job.threads}",
        f"--answer={answer}",
    ]


def serve(train_and_predict: Callable[[Job], Answer]) -> None:
    """Does the job named on the command line."""
    parser = argparse.ArgumentParser(description="One peer, one training; started by run.py.")
    parser.add_argument("--train", type=Path, required=True)
    parser.add_argument("--test", type=Path, required=True)
    parser.add_argument("--trees", type=int, required=True)
    parser.add_argument("--depth", type=int, required=True)
    parser.add_argument("--features", type=int, required=True)
    parser.add_argument("--impurity", required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--answer", type=Path, required=True)
    given = parser.parse_args()
    forest = task.Forest(given.trees, given.depth, given.features, given.impurity)
    job = Job(given.train, given.test, forest, given.seed, given.threads)
    train_and_predict(job).save(given.answer)
