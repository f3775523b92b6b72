"""The picture of a dataflow between its boxes: a long flow in rows, as text is, and arrows that go around boxes. Pure.

Boxes stand at whole columns, so between two columns is a gutter that is free. An arrow to the next column is a straight
line. Each other one goes out of its box into the gutter after it, up or down to a lane above the row of boxes that it
leads to, along there, and through the gutter before its target.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

N = TypeVar("N", bound=Hashable)

#: Width and height of a box, where a column is 1 wide.
WIDE, HIGH = 0.72, 0.62
#: Columns, before the flow goes on in the next row.
COLUMNS = 6
#: From one lane to the next, and between arrows that share a gutter or an end; how many have room there.
_LANE, _BESIDE, _ROOM = 0.24, 0.045, 5

Point = tuple[float, float]


@dataclass(frozen=True)
class Drawing(Generic[N]):
    """The middle of each box; the corners of each arrow and the place of its number, in the order of the arrows."""

    boxes: dict[N, Point]
    arrows: list[list[Point]]
    numbers: list[Point]
    #: How wide and how high all of it is: boxes from column 0, lanes and rows from height 0, which is the top.
    size: Point


def drawing(places: Mapping[N, Point], arrows: Sequence[tuple[N, N]]) -> Drawing[N]:
    """Folds boxes that stand in columns (`layout.places`), and leads the arrows around them."""
    row = {node: int(x) // COLUMNS for node, (x, _) in places.items()}
    column = {node: int(x) % COLUMNS for node, (x, _) in places.items()}
    winding = [at for at, ends in enumerate(arrows) if not _is_straight(ends, row, column)]
    lanes = _lanes([(row[arrows[at][1]], *_span(arrows[at], column)) for at in winding])
    lane_of = dict(zip(winding, lanes, strict=True))
    boxes: dict[N, Point] = {}
    lowest: dict[int, float] = {}
    top = 0.0
    for number in sorted(set(row.values())):
        inside = [node for node in places if row[node] == number]
        used = 1 + max((lane_of[at] for at in winding if row[arrows[at][1]] == number), default=-1)
        low = min(places[node][1] for node in inside)
        first = top + _LANE * (used + 1) + HIGH / 2
        lowest[number] = first - HIGH / 2 - _LANE * 0.75
        boxes |= {node: (float(column[node]), first + places[node][1] - low) for node in inside}
        top = max(boxes[node][1] for node in inside) + HIGH / 2
    made = [_straight(boxes[source], boxes[target]) for source, target in arrows]
    numbers = [((line[0][0] + line[1][0]) / 2, (line[0][1] + line[1][1]) / 2) for line in made]
    shared: dict[tuple[str, Hashable], int] = {}

    def apart(kind: str, place: Hashable) -> float:
        """The first at a place is in its middle, others beside it by turns."""
        turn = shared[(kind, place)] = (shared.get((kind, place), -1) + 1) % _ROOM
        return _BESIDE * ((turn + 1) // 2) * (-1 if turn % 2 else 1)

    for at in winding:
        source, target = arrows[at]
        (x0, y0), (x1, y1) = boxes[source], boxes[target]
        lane = lowest[row[target]] - _LANE * lane_of[at]
        out = x0 + 0.5 + apart("gutter", column[source] + 0.5)
        into = x1 - 0.5 + apart("gutter", column[target] - 0.5)
        begin = y0 - 0.15 + apart("end", ("out", source))
        end = y1 - 0.15 + apart("end", ("in", target))
        made[at] = [
            (x0 + WIDE / 2, begin), (out, begin), (out, lane), (into, lane), (into, end), (x1 - WIDE / 2, end)
        ]  # fmt: skip
        numbers[at] = ((out + into) / 2, lane)
    return Drawing(boxes, made, numbers, (float(max(column.values(), default=0)), top))


def _is_straight(ends: tuple[N, N], row: Mapping[N, int], column: Mapping[N, int]) -> bool:
    source, target = ends
    return row[source] == row[target] and column[target] == column[source] + 1


def _straight(source: Point, target: Point) -> list[Point]:
    return [(source[0] + WIDE / 2, source[1]), (target[0] - WIDE / 2, target[1])]


def _span(ends: tuple[N, N], column: Mapping[N, int]) -> tuple[float, float]:
    out, into = column[ends[0]] + 0.5, column[ends[1]] - 0.5
    return min(out, into), max(out, into)


def _lanes(spans: Sequence[tuple[int, float, float]]) -> list[int]:
    """A lane above its row for each span, so that no two in a lane touch; the shortest are next to the boxes."""
    taken: dict[tuple[int, int], list[tuple[float, float]]] = {}
    lanes = [0] * len(spans)
    for at in sorted(range(len(spans)), key=lambda at: (spans[at][2] - spans[at][1], at)):
        row, begin, end = spans[at]
        while any(begin <= other[1] and other[0] <= end for other in taken.get((row, lanes[at]), [])):
            lanes[at] += 1
        taken.setdefault((row, lanes[at]), []).append((begin, end))
    return lanes
