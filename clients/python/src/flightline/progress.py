"""How a job that is waited for is shown: bars in a notebook or on a terminal, plain lines everywhere else."""

from __future__ import annotations

import sys
from typing import NoReturn, Protocol, TextIO

from .view import JobLine, StageLine


class Shows(Protocol):
    """Shows how a job stands, each time that it was looked at."""

    def show(self, line: JobLine) -> None:
        """Shows it."""

    def close(self) -> None:
        """Nothing more comes."""


class Lines:
    """A line for each change of the job's state and for each stage that has ended."""

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out or sys.stdout
        self._state = ""
        self._ended: set[tuple[int, str]] = set()

    def show(self, line: JobLine) -> None:
        """Writes what is new."""
        if (state := str(line.state)) != self._state:
            self._state = state
            self._say(f"job {line.id} ({line.name}) is {state}")
        for at, stage in enumerate(line.stages):
            if stage.ended and (at, stage.name) not in self._ended:
                self._ended.add((at, stage.name))
                self._say(f"  {stage.name}: {amount(stage)}")

    def close(self) -> None:
        """Nothing is held."""

    def _say(self, text: str) -> None:
        print(text, file=self._out, flush=True)


class Bars:
    """A bar for each stage. It finds out itself whether it is in a notebook."""

    def __init__(self) -> None:
        from tqdm.auto import tqdm

        self._tqdm = tqdm
        self._stages: list[tqdm[NoReturn]] = []
        self._state = ""

    def show(self, line: JobLine) -> None:
        """Moves the bars, and begins those of stages that are new."""
        if (state := str(line.state)) != self._state:
            self._state = state
            self._tqdm.write(f"job {line.id} ({line.name}) is {state}")
        for at, stage in enumerate(line.stages):
            total = stage.total or (stage.done if stage.ended else None)
            if at == len(self._stages):
                self._stages.append(self._tqdm(desc=stage.name, total=total, unit=f" {stage.unit}", unit_scale=True))
            bar = self._stages[at]
            if bar.total != total:
                # A notebook's bar has its length from the first moment unless it is told so.
                bar.reset(total)
            bar.n = stage.done
            bar.refresh()

    def close(self) -> None:
        """Leaves the bars as they are."""
        for bar in self._stages:
            bar.close()


def amount(stage: StageLine) -> str:
    """What is done of a stage, in words."""
    return f"{stage.done:,} {stage.unit}" + (f" of {stage.total:,}" if stage.total > stage.done else "")


def fitting() -> Shows:
    """Bars where somebody sees them move, else lines."""
    return Bars() if in_notebook() or sys.stderr.isatty() else Lines()


def in_notebook() -> bool:
    """Whether this runs in a notebook's kernel."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return type(shell).__name__ == "ZMQInteractiveShell"
