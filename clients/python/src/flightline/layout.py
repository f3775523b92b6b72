"""Where the boxes of a dataflow stand: columns along the flow, as few crossings as a few sweeps give. Pure."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import TypeVar

N = TypeVar("N", bound=Hashable)

_SWEEPS = 8


def layers(nodes: Sequence[N], edges: Iterable[tuple[N, N]]) -> dict[N, int]:
    """The column of each node: one further than the furthest before it. Arrows that close a loop don't count."""
    after: dict[N, list[N]] = {node: [] for node in nodes}
    for source, target in edges:
        if source != target:
            after[source].append(target)
    order = _depth_first(nodes, after)
    place = {node: at for at, node in enumerate(order)}
    column = dict.fromkeys(nodes, 0)
    for node in order:
        for target in after[node]:
            if place[target] > place[node]:
                column[target] = max(column[target], column[node] + 1)
    return column


def _depth_first(nodes: Sequence[N], after: Mapping[N, Sequence[N]]) -> list[N]:
    """Each before all that follows it, but for loops."""
    reached = {target for targets in after.values() for target in targets}
    begins = [node for node in nodes if node not in reached]
    seen: set[N] = set()
    done: list[N] = []
    for begin in [*reversed(begins), *nodes]:
        if begin in seen:
            continue
        seen.add(begin)
        path = [(begin, iter(after[begin]))]
        while path:
            node, targets = path[-1]
            following = next((target for target in targets if target not in seen), None)
            if following is None:
                done.append(node)
                path.pop()
            else:
                seen.add(following)
                path.append((following, iter(after[following])))
    return done[::-1]


def places(nodes: Sequence[N], edges: Sequence[tuple[N, N]]) -> dict[N, tuple[float, float]]:
    """Column and height of each node, the columns centred on 0."""
    column = layers(nodes, edges)
    columns: dict[int, list[N]] = {}
    for node in nodes:
        columns.setdefault(column[node], []).append(node)
    beside: dict[N, list[N]] = {node: [] for node in nodes}
    for source, target in edges:
        beside[source].append(target)
        beside[target].append(source)
    height = {node: at - (len(nodes) - 1) / 2 for nodes in columns.values() for at, node in enumerate(nodes)}
    for sweep in range(_SWEEPS):
        for at in sorted(columns, reverse=bool(sweep % 2)):
            wanted = {node: _mean([height[one] for one in beside[node]], height[node]) for node in columns[at]}
            columns[at].sort(key=lambda node: (wanted[node], height[node]))
            middle = (len(columns[at]) - 1) / 2
            for row, node in enumerate(columns[at]):
                height[node] = row - middle
    return {node: (float(column[node]), height[node]) for node in nodes}


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise
