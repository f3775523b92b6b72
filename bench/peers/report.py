"""Medians over the runs, and the two forms they are handed out in: a table to read, JSON to keep."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any, Final

from contenders import Contender, Run
from quality import Quality


@dataclass(frozen=True)
class Summary:
    """One contender over all its runs: medians, and how far the wall time strayed."""

    contender: str
    title: str
    wall_seconds: float
    wall_seconds_least: float
    wall_seconds_most: float
    model_seconds: float
    fit_seconds: float
    peak_bytes: float
    quality: Quality

    @property
    def peak_megabytes(self) -> float:
        return self.peak_bytes / 1e6


@dataclass(frozen=True)
class Ratios:
    """What a contender takes, in multiples of what ours takes: above 1, ours is quicker or smaller."""

    wall: float
    model: float
    fit: float
    peak: float


def summarize(contender: Contender, runs: Iterable[Run]) -> Summary:
    own = [run for run in runs if run.contender == contender.name]
    walls = [run.wall_seconds for run in own]
    return Summary(
        contender=contender.name,
        title=contender.title,
        wall_seconds=median(walls),
        wall_seconds_least=min(walls),
        wall_seconds_most=max(walls),
        model_seconds=median(run.model_seconds for run in own),
        fit_seconds=median(run.fit_seconds for run in own),
        peak_bytes=median(run.peak_bytes for run in own),
        quality=Quality(
            accuracy=median(run.quality.accuracy for run in own),
            log_loss=median(run.quality.log_loss for run in own),
            macro_f1=median(run.quality.macro_f1 for run in own),
        ),
    )


def ratios(of: Summary, ours: Summary) -> Ratios:
    return Ratios(
        wall=of.wall_seconds / ours.wall_seconds,
        model=of.model_seconds / ours.model_seconds,
        fit=of.fit_seconds / ours.fit_seconds,
        peak=of.peak_bytes / ours.peak_bytes,
    )


@dataclass(frozen=True)
class _Column:
    head: str
    cell: Callable[[Summary], str]


_PLAIN: Final = (
    _Column("wall s", lambda row: f"{row.wall_seconds:.2f}"),
    _Column("least-most", lambda row: f"{row.wall_seconds_least:.2f}-{row.wall_seconds_most:.2f}"),
    _Column("model s", lambda row: f"{row.model_seconds:.2f}"),
    _Column("fit s", lambda row: f"{row.fit_seconds:.2f}"),
    _Column("peak MB", lambda row: f"{row.peak_megabytes:,.0f}"),
    _Column("accuracy", lambda row: f"{row.quality.accuracy:.4f}"),
    _Column("log loss", lambda row: f"{row.quality.log_loss:.4f}"),
    _Column("macro F1", lambda row: f"{row.quality.macro_f1:.4f}"),
)


def table(rows: Sequence[Summary], ours: Summary | None) -> str:
    """The summaries side by side; with `ours`, each cost also as a multiple of ours."""
    columns = _PLAIN if ours is None else (*_PLAIN, *_ratio_columns(ours))
    body = [[row.title, *(column.cell(row) for column in columns)] for row in rows]
    return aligned([["", *(column.head for column in columns)], *body])


def aligned(lines: Sequence[Sequence[str]]) -> str:
    """Lines of cells, the first of them heads, as a table in Markdown: the first column to the left, all others to the right."""
    widths = [max(len(line[place]) for line in lines) for place in range(len(lines[0]))]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return "\n".join(_aligned(line, widths) for line in [lines[0], rule, *lines[1:]])


def _ratio_columns(ours: Summary) -> tuple[_Column, ...]:
    return (
        _Column("wall/ours", lambda row: f"{ratios(row, ours).wall:.2f}x"),
        _Column("model/ours", lambda row: f"{ratios(row, ours).model:.2f}x"),
        _Column("fit/ours", lambda row: f"{ratios(row, ours).fit:.2f}x"),
        _Column("peak/ours", lambda row: f"{ratios(row, ours).peak:.2f}x"),
    )


def _aligned(line: Sequence[str], widths: Sequence[int]) -> str:
    padded = [cell.rjust(width) for cell, width in zip(line, widths, strict=True)]
    return f"| {' | '.join([line[0].ljust(widths[0]), *padded[1:]])} |"


def figures(rows: Sequence[Summary], ours: Summary | None, runs: Sequence[Run]) -> dict[str, Any]:
    """Everything that was measured, as JSON takes it: each single run too, so that spread can be looked at."""
    return {
        "medians": [asdict(row) for row in rows],
        "ratios_to_ours": {row.contender: asdict(ratios(row, ours)) for row in rows} if ours else None,
        "runs": [asdict(run) for run in runs],
    }
