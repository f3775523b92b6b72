"""What a streaming job says of itself, put together from its processes by the master. Plain data."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class PartitionView:
    """A partition of the requests."""

    #: Where the log ends.
    end: int
    read: int
    #: Requests that were read and are not yet durable in all required sinks.
    in_flight: int


@dataclass(frozen=True)
class SinkView:
    """A sink: `live`, `catching-up`, `retrying` or `failed`."""

    state: str
    #: Next offset of each partition.
    next: dict[int, int]
    #: How far it is behind the end of the log, in requests.
    lag: int


@dataclass(frozen=True)
class History:
    """The last minutes: for each moment a value in each series. Rates are per second, lags in requests."""

    moments: list[int] = field(default_factory=list)
    answers: list[float] = field(default_factory=list)
    partition_rate: dict[int, list[float]] = field(default_factory=dict)
    sink_rate: dict[str, list[float]] = field(default_factory=dict)
    partition_lag: dict[int, list[int]] = field(default_factory=dict)
    sink_lag: dict[str, list[int]] = field(default_factory=dict)
    #: Median and 99th percentile from read to durable everywhere, in milliseconds.
    latency: list[tuple[float, float]] = field(default_factory=list)


@dataclass(frozen=True)
class LedgerView:
    """What the ledger holds; bindings and entries as the server says them, the newest first."""

    generation: int
    claimed: int
    open: list[dict[str, object]]
    open_in_all: int
    newest: list[dict[str, object]]


@dataclass(frozen=True)
class StreamView:
    """What a streaming job says of itself."""

    guarantee: str | None = None
    #: Id of the model in force.
    model: str | None = None
    #: Version of the table in force.
    table: int | None = None
    #: The oldest and the newest epoch in flight.
    epochs: tuple[int, int] | None = None
    ledger_entries: int | None = None
    ledger: LedgerView | None = None
    #: Requests that became dead letters in this life.
    dead_letters: int = 0
    partitions: dict[int, PartitionView] = field(default_factory=dict)
    sinks: dict[str, SinkView] = field(default_factory=dict)
    troubles: dict[str, str] = field(default_factory=dict)
    history: History = field(default_factory=History)
