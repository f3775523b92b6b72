"""The live dataflow of a job, as data: operators in scopes, and what went along the channels between them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from .extras import extra

if TYPE_CHECKING:
    import pandas as pd

#: Where something is: the indices of the scopes around it, and its own.
Address = tuple[int, ...]


@dataclass(frozen=True)
class Operator:
    """An operator, a scope or a dataflow; the address of a dataflow has one index."""

    address: tuple[int, ...]
    name: str
    is_scope: bool
    #: Nanoseconds that it has worked, without what is in it.
    active_nanos: int
    activations: int
    #: Workers in which it has not shut down.
    running: int


@dataclass(frozen=True)
class Endpoint:
    """An end of a channel; the edge of its scope, if the operator's last index is 0."""

    operator: tuple[int, ...]
    port: int


@dataclass(frozen=True)
class Channel:
    """A channel between two operators of one scope."""

    scope: tuple[int, ...]
    source: Endpoint
    target: Endpoint
    records_sent: int
    records_received: int
    batches: int

    @property
    def waiting(self) -> int:
        """Records that wait in it; exact only at rest."""
        return max(self.records_sent - self.records_received, 0)


@dataclass(frozen=True)
class Box:
    """An operator or a scope, with the time of all that is in it."""

    address: Address
    name: str
    is_scope: bool
    nanos: int
    #: Its share of the time of all boxes beside it.
    share: float


@dataclass(frozen=True)
class Arrow:
    """All channels from one box to another."""

    source: Address
    target: Address
    records: int
    waiting: int


@dataclass(frozen=True)
class Floor:
    """What one scope shows. The edge of the scope is a box only where something crosses it."""

    boxes: list[Box]
    arrows: list[Arrow]


@dataclass(frozen=True)
class Graph:
    """The dataflows of a job, summed over its processes."""

    operators: list[Operator]
    channels: list[Channel]
    #: Whether it was too large to be told whole.
    truncated: bool = field(default=False)

    @cached_property
    def _within(self) -> dict[Address, int]:
        within: dict[Address, int] = {}
        for operator in self.operators:
            for depth in range(1, len(operator.address) + 1):
                scope = operator.address[:depth]
                within[scope] = within.get(scope, 0) + operator.active_nanos
        return within

    def dataflows(self) -> list[Operator]:
        """The whole dataflows, those that have worked most first."""
        whole = [one for one in self.operators if len(one.address) == 1]
        return sorted(whole, key=lambda one: -self._within[one.address])

    def floor(self, scope: Address | None = None) -> Floor:
        """What is directly in a scope; in the dataflow that has worked most, if none is named."""
        if scope is None:
            whole = self.dataflows()
            if not whole:
                return Floor([], [])
            scope = whole[0].address
        inside = [one for one in self.operators if one.address[:-1] == scope]
        nanos = sum(self._within[one.address] for one in inside) or 1
        boxes = [
            Box(one.address, one.name, one.is_scope, self._within[one.address], self._within[one.address] / nanos)
            for one in sorted(inside, key=lambda one: one.address)
        ]
        arrows = self._arrows(scope, {box.address for box in boxes})
        if any((*scope, 0) in (arrow.source, arrow.target) for arrow in arrows):
            boxes.insert(0, Box((*scope, 0), "outside", is_scope=False, nanos=0, share=0.0))
        return Floor(boxes, arrows)

    def _arrows(self, scope: Address, known: set[Address]) -> list[Arrow]:
        sums: dict[tuple[Address, Address], tuple[int, int]] = {}
        for channel in self.channels:
            ends = (channel.source.operator, channel.target.operator)
            # An end that is no operator of this scope can only come from a graph that was cut short.
            if channel.scope == scope and all(end in known or end == (*scope, 0) for end in ends):
                records, waiting = sums.get(ends, (0, 0))
                sums[ends] = (records + channel.records_sent, waiting + channel.waiting)
        return [Arrow(source, target, *told) for (source, target), told in sorted(sums.items())]

    def table(self) -> pd.DataFrame:
        """A row for each operator, scopes included, with the time of all that is in it."""
        rows = [
            {
                "address": ".".join(map(str, one.address)),
                "name": one.name,
                "is scope": one.is_scope,
                "own time (s)": one.active_nanos / 1e9,
                "time with all in it (s)": self._within[one.address] / 1e9,
                "activations": one.activations,
                "running": one.running,
            }
            for one in sorted(self.operators, key=lambda one: one.address)
        ]
        table: pd.DataFrame = extra("pandas", "tables").DataFrame(rows)
        return table
