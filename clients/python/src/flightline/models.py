"""Models of the registry and their reports, as data and as tables of pandas.

A model's files (`model.json`, `forest.parquet`, `golden.jsonl`) can't be had over REST; `read_card` reads the first
where the folder of models is at hand.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .connection import Connection
from .errors import NotFoundError
from .extras import extra
from .shape import read
from .view import ModelView, moment

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class NamedShare:
    """A class of delays, and its share of the rows that were trained on."""

    name: str
    training_share: float


@dataclass(frozen=True)
class ClassQuality:
    """How well one class is told."""

    rows: int
    precision: float | None
    recall: float | None
    f1: float | None


@dataclass(frozen=True)
class Calibrated:
    """Rows of similar predicted probability: the mean of it, and what share it really was."""

    rows: int
    predicted: float
    observed: float


@dataclass(frozen=True)
class Quality:
    """How well rows were told. `confusion` has a row for each true class, and a column for each that was said."""

    rows: int
    accuracy: float
    log_loss: float
    macro_f1: float
    base_rate: float
    classes: list[ClassQuality]
    confusion: list[list[int]]
    calibration: list[list[Calibrated]] = field(default_factory=list)


@dataclass(frozen=True)
class Judged:
    """A set of rows that judged the model: `future` or `familiar` days, or `given` ones."""

    name: str
    kind: str
    quality: Quality


@dataclass(frozen=True)
class FeatureWeight:
    """A feature, and how much the forest leans on it."""

    name: str
    kind: str
    values: int
    importance: float


@dataclass(frozen=True)
class Report:
    """What a training says of its model: the part of `report.json` that figures and pictures need."""

    model: str
    preset: str | None
    features: list[FeatureWeight]
    classes: list[NamedShare]
    train: Quality
    test: Judged | None = None
    companion: Judged | None = None

    def qualities(self) -> pd.DataFrame:
        """The figures of each set of rows: one row for each of them."""
        judged = [("rows it was trained on", self.train)]
        judged += [(part.name, part.quality) for part in (self.test, self.companion) if part is not None]
        names = ("rows", "accuracy", "log_loss", "macro_f1", "base_rate")
        rows = [{"judged by": name, **{one: getattr(quality, one) for one in names}} for name, quality in judged]
        table: pd.DataFrame = extra("pandas", "tables").DataFrame(rows).set_index("judged by")
        return table

    def importances(self) -> pd.DataFrame:
        """The features, the most important first."""
        rows = [{"feature": one.name, "kind": one.kind, "importance": one.importance} for one in self.features]
        table: pd.DataFrame = extra("pandas", "tables").DataFrame(rows).sort_values("importance", ascending=False)
        indexed: pd.DataFrame = table.set_index("feature")
        return indexed

    def confusion(self) -> pd.DataFrame:
        """True classes by predicted ones, of the rows that judged it; of those it was trained on if there are none."""
        quality = self.test.quality if self.test is not None else self.train
        names = [one.name for one in self.classes]
        pandas = extra("pandas", "tables")
        table: pd.DataFrame = pandas.DataFrame(
            quality.confusion,
            index=pandas.Index(names, name="it was"),
            columns=pandas.Index(names, name="predicted"),
        )
        return table


@dataclass(frozen=True)
class Model:
    """A model of the registry."""

    connection: Connection = field(repr=False)
    view: ModelView

    @property
    def id(self) -> str:
        """Its id, a hash of what is in it."""
        return self.view.id

    def report(self) -> Report:
        """What its training said of it.

        Raises:
            NotFoundError: it has no report.
        """
        if self.view.report is None:
            raise NotFoundError(404, f"model {self.id} has no report")
        return read(Report, self.view.report, "report.json")

    def page(self) -> str:
        """Its report as a page, HTML."""
        return self.connection.page(f"/models/{self.id}/report")


def model_of(connection: Connection, model: str) -> Model:
    """The model of this id."""
    path = f"/api/models/{model}"
    return Model(connection, read(ModelView, connection.get(path), path))


class Models(list[Model]):
    """Models, the newest first."""

    def __init__(self, models: Iterable[Model]) -> None:
        super().__init__(models)

    @property
    def current(self) -> Model | None:
        """The current one."""
        return next((model for model in self if model.view.current), None)

    def table(self) -> pd.DataFrame:
        """A row for each, with the figures of its report."""
        table: pd.DataFrame = extra("pandas", "tables").DataFrame([_row(model) for model in self])
        return table


def _row(model: Model) -> dict[str, object]:
    row: dict[str, object] = {"id": model.id, "current": model.view.current, "saved": moment(model.view.saved)}
    if model.view.report is not None:
        report = model.report()
        judged = report.test
        row |= {"preset": report.preset, "training rows": report.train.rows}
        if judged is not None:
            row |= {"judged by": judged.name, "accuracy": judged.quality.accuracy, "log loss": judged.quality.log_loss}
    return row


def read_card(models: str | os.PathLike[str], model: str = "current") -> dict[str, Any]:
    """The `model.json` of a model in a folder of models: schema, vocabularies, parameters, metrics, as they are."""
    folder = Path(models)
    name = (folder / "current").read_text(encoding="utf-8").strip() if model == "current" else model
    card: dict[str, Any] = json.loads((folder / name / "model.json").read_text(encoding="utf-8"))
    return card
