"""The live dataflow as a picture of matplotlib: the warmer a box, the more of the time it has worked."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from .extras import extra
from .graph import Address, Arrow, Box, Graph
from .layout import places

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_WIDE, _HIGH = 0.74, 0.62
_CHARACTERS = 15
#: Boxes of a column of the picture, before it goes on in the next row of columns.
_COLUMNS = 12
#: How much an arrow over several columns is bent, and how far it rises by that for each column.
_BEND, _RISE = -0.14, 0.107
_LINE, _WAITING = "#5b6770", "#c0392b"


def draw(graph: Graph, scope: Address | None = None, *, title: str = "", ax: Axes | None = None) -> Axes:
    """Draws what is directly in a scope (see `Graph.floor`), and gives the axes.

    Numbers at arrows are records that went along; red ones have records that wait there. A double border is a scope,
    with others in it.
    """
    floor = graph.floor(scope)
    at = _folded(places([box.address for box in floor.boxes], [(one.source, one.target) for one in floor.arrows]))
    wide = max((x for x, _ in at.values()), default=0.0)
    low, high = min((y for _, y in at.values()), default=0.0), max((y for _, y in at.values()), default=0.0)
    if ax is None:
        pyplot = extra("matplotlib.pyplot", "pictures")
        size = (max(1.45 * (wide + 1), 6.0), max(0.95 * (high - low + 1), 2.0) + 0.7)
        _, made = pyplot.subplots(figsize=size, layout="constrained")
        ax = made
    assert ax is not None
    for arrow in floor.arrows:
        _draw_arrow(ax, arrow, at)
    for box in floor.boxes:
        _draw_box(ax, box, at[box.address])
    ax.set_xlim(-0.6, wide + 0.6)
    # Arrows over several columns rise above the boxes.
    longest = max((at[one.target][0] - at[one.source][0] for one in floor.arrows), default=0.0)
    ax.set_ylim(high + 0.6, low - 0.6 - max(_RISE * longest - 0.5, 0.0))
    ax.set_axis_off()
    ax.set_title(title or "The dataflow: share of the working time, and records along each arrow", fontsize=11)
    return ax


def _folded(at: dict[Address, tuple[float, float]]) -> dict[Address, tuple[float, float]]:
    """A long flow in rows, as text is: no screen is as wide as a dataflow is long."""
    rows: dict[int, list[Address]] = {}
    for address, (x, _) in at.items():
        rows.setdefault(int(x) // _COLUMNS, []).append(address)
    folded: dict[Address, tuple[float, float]] = {}
    top = 0.0
    for row, inside in sorted(rows.items()):
        low = min(at[address][1] for address in inside)
        folded |= {address: (at[address][0] - row * _COLUMNS, top + at[address][1] - low) for address in inside}
        top += max(at[address][1] for address in inside) - low + 1.3
    return folded


def _draw_box(ax: Axes, box: Box, at: tuple[float, float]) -> None:
    patches = extra("matplotlib.patches", "pictures")
    colour = extra("matplotlib", "pictures").colormaps["YlOrRd"](0.05 + 0.6 * min(box.share, 1.0))
    x, y = at
    for grown in (0.05, 0.0) if box.is_scope else (0.0,):
        wide, high = _WIDE + grown, _HIGH + grown
        ax.add_patch(
            patches.FancyBboxPatch(
                (x - wide / 2, y - high / 2),
                wide,
                high,
                boxstyle="round,pad=0,rounding_size=0.06",
                facecolor=colour if box.nanos else "#eef1f3",
                edgecolor=_LINE,
                linewidth=0.9,
                zorder=2,
            )
        )
    lines = textwrap.wrap(box.name, _CHARACTERS)[:2]
    time = f"{_time(box.nanos)} · {box.share:.0%}" if box.nanos else ""
    ax.text(x, y, "\n".join([*lines, time] if time else lines), ha="center", va="center", fontsize=7.5, zorder=3)


def _draw_arrow(ax: Axes, arrow: Arrow, at: dict[Address, tuple[float, float]]) -> None:
    patches = extra("matplotlib.patches", "pictures")
    (x0, y0), (x1, y1) = at[arrow.source], at[arrow.target]
    forward = x1 > x0
    begin = (x0 + _WIDE / 2, y0) if forward else (x0, y0 + _HIGH / 2)
    end = (x1 - _WIDE / 2, y1) if forward else (x1, y1 - _HIGH / 2 if y1 > y0 else y1 + _HIGH / 2)
    # An arrow over more than one column would go through the boxes in between.
    bend = _BEND if abs(x1 - x0) > 1.5 or not forward else 0.0
    colour = _WAITING if arrow.waiting else _LINE
    ax.add_patch(
        patches.FancyArrowPatch(
            begin,
            end,
            connectionstyle=f"arc3,rad={bend}",
            arrowstyle="-|>",
            mutation_scale=8,
            color=colour,
            linewidth=0.8,
            zorder=1,
        )
    )
    if arrow.records:
        rise = _RISE * (end[0] - begin[0]) if bend and forward else 0.0
        middle = ((begin[0] + end[0]) / 2, (begin[1] + end[1]) / 2 - 0.07 - rise)
        ax.text(*middle, short(arrow.records), ha="center", va="bottom", fontsize=6, color=colour, zorder=4)


def short(number: int) -> str:
    """A number in few letters: `327k`."""
    for power, letter in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if number >= power:
            return f"{number / power:.3g}{letter}"
    return str(number)


def _time(nanos: int) -> str:
    seconds = nanos / 1e9
    return f"{seconds:.3g} s" if seconds >= 1 else f"{seconds * 1e3:.3g} ms"
