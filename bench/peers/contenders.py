"""The contenders: five peers, and ours. Each trains once in a process of its own and hands back what it took."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Final, Protocol

import numpy as np

import task
from process import Finished, run_measured
from quality import Quality, quality_of
from split import Split
from worker import Answer, Job, arguments

_HERE: Final = Path(__file__).resolve().parent
_LINES_OF_AN_ERROR: Final = 15


class FailedError(Exception):
    """A contender didn't do its job; the message says what is known."""


@dataclass(frozen=True)
class Run:
    """One training of one contender."""

    contender: str
    seed: int
    wall_seconds: float
    model_seconds: float
    fit_seconds: float
    peak_bytes: int
    quality: Quality


@dataclass(frozen=True)
class Settings:
    """What is the same in all runs."""

    forest: task.Forest
    threads: int
    spark_heap: str | None


class Contender(Protocol):
    """Anything that can be trained and timed."""

    @property
    def name(self) -> str: ...

    @property
    def title(self) -> str:
        """The name as shown, with a version where there is one."""
        ...

    def train(self, split: Split, settings: Settings, seed: int, folder: Path) -> Run:
        """Trains once, with `folder` to write into."""
        ...


@dataclass(frozen=True)
class Peer:
    """A library, run by `peer_<name>.py`."""

    name: str
    package: str

    @property
    def title(self) -> str:
        return f"{self.name} {version(self.package)}"

    def train(self, split: Split, settings: Settings, seed: int, folder: Path) -> Run:
        answer_file = folder / "answer.npz"
        job = Job(split.train, split.test, settings.forest, seed, settings.threads)
        script = _HERE / f"peer_{self.name}.py"
        command = [sys.executable, str(script), *arguments(job, answer_file)]
        finished = _run(self.name, command, settings, folder)
        answer = Answer.load(answer_file)
        _check(self.name, answer, split)
        return Run(
            contender=self.name,
            seed=seed,
            wall_seconds=finished.wall_seconds,
            model_seconds=answer.model_at - finished.started_at,
            fit_seconds=answer.fit_seconds,
            peak_bytes=finished.peak_bytes,
            quality=quality_of(answer.labels, answer.probabilities),
        )


@dataclass(frozen=True)
class Ours:
    """Flightline's `train`, which measures its stages and its quality itself."""

    binary: Path
    name: str = "flightline"

    @property
    def title(self) -> str:
        return f"{self.name} (ours)"

    def train(self, split: Split, settings: Settings, seed: int, folder: Path) -> Run:
        command = [
            str(self.binary),
            *("--input", str(split.train)),
            *("--test", str(split.test)),
            *("--models", str(folder / "models")),
            *("--preset", "seed"),
            *("--trees", str(settings.forest.trees)),
            *("--depth", str(settings.forest.depth)),
            *("--features-per-node", str(settings.forest.features)),
            *("--impurity", settings.forest.impurity),
            *("--seed", str(seed)),
            "--json",
            *("-w", str(settings.threads)),
        ]
        finished = _run(self.name, command, settings, folder)
        try:
            report = json.loads(finished.stdout)
            test = report["test"]
            return Run(
                contender=self.name,
                seed=seed,
                wall_seconds=finished.wall_seconds,
                # Saving is its last act.
                model_seconds=finished.wall_seconds,
                fit_seconds=report["seconds"]["grow"],
                peak_bytes=finished.peak_bytes,
                quality=Quality(test["accuracy"], test["log_loss"], test["macro_f1"]),
            )
        except json.JSONDecodeError as error:
            raise FailedError(f"{self.name} printed something else than one JSON object: {error}.") from error
        except (KeyError, TypeError) as error:
            raise FailedError(f"{self.name} printed JSON of another form than expected: {error!r}.") from error


PEERS: Final[Sequence[Peer]] = (
    Peer("sklearn", package="scikit-learn"),
    Peer("lightgbm", package="lightgbm"),
    Peer("xgboost", package="xgboost-cpu"),
    Peer("ydf", package="ydf"),
    Peer("pyspark", package="pyspark"),
)


def _run(name: str, command: Sequence[str], settings: Settings, folder: Path) -> Finished:
    environment = {
        # Not every library has a setting for all of its threads; those of OpenMP and Arrow obey this.
        "OMP_NUM_THREADS": str(settings.threads),
        # OpenMP's threads spin while they wait. On a machine with other work that made XGBoost ten times slower.
        "OMP_WAIT_POLICY": os.environ.get("OMP_WAIT_POLICY", "PASSIVE"),
    }
    if settings.spark_heap:
        environment["PYSPARK_SUBMIT_ARGS"] = f"--driver-memory {settings.spark_heap} pyspark-shell"
    finished = run_measured(command, folder, environment)
    if finished.exit_code != 0:
        last = "\n".join(finished.stderr.strip().splitlines()[-_LINES_OF_AN_ERROR:])
        raise FailedError(f"{name} ended with exit code {finished.exit_code}. The end of what it said:\n{last}")
    return finished


def _check(name: str, answer: Answer, split: Split) -> None:
    counts = tuple(np.bincount(answer.labels, minlength=task.CLASSES).tolist())
    if counts != split.test_class_counts:
        raise FailedError(
            f"{name} answered for other rows than the held-out ones: "
            f"its classes count {counts}, theirs {split.test_class_counts}."
        )
    if answer.probabilities.shape != (split.test_rows, task.CLASSES):
        raise FailedError(f"{name} gave probabilities of shape {answer.probabilities.shape}.")
