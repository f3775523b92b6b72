"""What the master's pages show, as it comes in JSON: the same names as in `cluster/src/view`. Plain data.

Moments are milliseconds since 1970 by the master's clock, memory is bytes, and ids are numbers.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field

from .stream import StreamView

#: A job is over, for good, in these states.
OVER = frozenset({"completed", "failed", "stopped", "killed"})


def moment(millis: int) -> datetime.datetime:
    """A moment of the master as a time in UTC."""
    return datetime.datetime.fromtimestamp(millis / 1000, tz=datetime.timezone.utc)


@dataclass(frozen=True)
class StageLine:
    """A stage of a batch job, summed over its processes."""

    name: str
    unit: str
    #: All of it; 0 if that isn't known.
    total: int
    done: int
    ended: bool


@dataclass(frozen=True)
class JobState:
    """Where a job stands: `queued`, `starting`, `running`, `ending`, `backing-off`, `upgrading`, `stopping`,
    `completed`, `failed`, `stopped` or `killed`."""

    state: str
    #: What it waits for, or why it ended, in a sentence.
    why: str | None = None
    #: When it is started again.
    until: int | None = None
    #: `stop` or `kill`, while it is stopping or upgrading.
    how: str | None = None

    @property
    def is_over(self) -> bool:
        """Whether it is over for good."""
        return self.state in OVER

    def __str__(self) -> str:
        return f"{self.state}: {self.why}" if self.why else self.state


@dataclass(frozen=True)
class JobLine:
    """A job in a list."""

    id: int
    name: str
    program: str
    state: JobState
    submitted: int
    ended: int | None
    #: The exit code that it ended with.
    exit: int | None
    #: Its present or last life.
    generation: int | None
    cores: int
    memory: int
    next_run: int | None
    stages: list[StageLine]
    restarts: int = 0
    #: The first job of the schedule that it is a run of.
    schedule: int | None = None


@dataclass(frozen=True)
class ProcessView:
    """A process of a job."""

    job: int
    generation: int
    process: int
    worker: str
    address: str
    state: str
    memory: int
    last_lines: list[str]


@dataclass(frozen=True)
class WorkerView:
    """A worker. Its state is `alive`, `other-version`, `unheard`, `draining`, `lost` or `gone`."""

    name: str
    state: str
    page: str
    cores: int
    cores_taken: int
    memory: int
    memory_taken: int
    memory_used: int
    heard: int
    version: str
    processes: list[ProcessView]


@dataclass(frozen=True)
class ClusterView:
    """The whole cluster: workers by name, jobs from the newest on."""

    version: str
    since: int
    now: int
    workers: list[WorkerView]
    jobs: list[JobLine]


@dataclass(frozen=True)
class GenerationView:
    """A life of a job."""

    number: int
    started: int
    #: When it was over, and why.
    ended: tuple[int, str] | None
    processes: list[ProcessView]


@dataclass(frozen=True)
class CarriedName:
    """A file that travels with a job; its text stays with the master."""

    name: str


@dataclass(frozen=True)
class SpecView:
    """What was asked for."""

    name: str
    program: str
    args: list[str]
    files: list[CarriedName]
    processes: int
    cores: int
    memory: int
    supervise: bool
    every: str | None = None


@dataclass(frozen=True)
class JobView:
    """A job's page: lives from the newest on, and what a streaming job says of itself."""

    line: JobLine
    now: int
    spec: SpecView
    generations: list[GenerationView]
    stream: StreamView | None = None
    #: The id of the model that a training has made.
    model: str | None = None


@dataclass(frozen=True)
class LogPiece:
    """A piece of a process's log. Places are bytes from the log's start."""

    #: Where it begins; beyond what was asked for if the middle was too long to keep.
    from_: int
    next: int
    text: str
    #: Whether more may come.
    more: bool


@dataclass(frozen=True)
class ModelView:
    """A model of the registry. `report` is its `report.json`, as it is."""

    id: str
    current: bool
    saved: int
    has_page: bool
    report: dict[str, object] | None = field(default=None)
