"""The live dataflow as a picture of matplotlib: the warmer a box, the more of the time it has worked."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from .extras import extra
from .graph import Address, Arrow, Box, Graph
from .layout import places
from .routes import HIGH, WIDE, Point, drawing

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_CHARACTERS = 17
_LINE, _WAITING = "#5b6770", "#c0392b"


def draw(graph: Graph, scope: Address | None = None, *, title: str = "", ax: Axes | None = None) -> Axes:
    """Draws what is directly in a scope (see `Graph.floor`), and gives the axes.

    Numbers at arrows are records that went along; red ones have records that wait there. A double border is a scope,
    with others in it.
    """
    floor = graph.floor(scope)
    ends = [(one.source, one.target) for one in floor.arrows]
    drawn = drawing(places([box.address for box in floor.boxes], ends), ends)
    wide, high = drawn.size
    if ax is None:
        pyplot = extra("matplotlib.pyplot", "pictures")
        _, made = pyplot.subplots(figsize=(max(1.6 * (wide + 1), 6.0), high + 0.6), layout="constrained")
        ax = made
    assert ax is not None
    for arrow, corners, number in zip(floor.arrows, drawn.arrows, drawn.numbers, strict=True):
        _draw_arrow(ax, arrow, corners, number)
    for box in floor.boxes:
        _draw_box(ax, box, drawn.boxes[box.address])
    ax.set_xlim(-0.7, wide + 0.7)
    ax.set_ylim(high + 0.1, 0.0)
    ax.set_axis_off()
    ax.set_title(title or "The dataflow: share of the working time, and records along each arrow", fontsize=11)
    return ax


def _draw_box(ax: Axes, box: Box, at: Point) -> None:
    patches = extra("matplotlib.patches", "pictures")
    colour = extra("matplotlib", "pictures").colormaps["YlOrRd"](0.05 + 0.6 * min(box.share, 1.0))
    x, y = at
    for grown in (0.05, 0.0) if box.is_scope else (0.0,):
        wide, high = WIDE + grown, HIGH + grown
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
    lines = textwrap.wrap(box.name, _CHARACTERS, max_lines=2, placeholder=" …")
    time = f"{_time(box.nanos)} · {box.share:.0%}" if box.nanos else ""
    ax.text(x, y, "\n".join([*lines, time] if time else lines), ha="center", va="center", fontsize=8, zorder=3)


def _draw_arrow(ax: Axes, arrow: Arrow, corners: list[Point], number: Point) -> None:
    patches = extra("matplotlib.patches", "pictures")
    path = extra("matplotlib.path", "pictures")
    colour = _WAITING if arrow.waiting else _LINE
    ax.add_patch(
        patches.FancyArrowPatch(
            path=path.Path(corners), arrowstyle="-|>", mutation_scale=9, color=colour, linewidth=0.9, zorder=1,
            joinstyle="round",
        )
    )  # fmt: skip
    if arrow.records:
        paper = {"facecolor": ax.get_facecolor(), "edgecolor": "none", "pad": 0.6}
        ax.text(*number, short(arrow.records), ha="center", va="center", fontsize=7, color=colour, zorder=4, bbox=paper)


def short(number: int) -> str:
    """A number in few letters: `327k`."""
    for power, letter in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if number >= power:
            return f"{number / power:.3g}{letter}"
    return str(number)


def _time(nanos: int) -> str:
    seconds = nanos / 1e9
    return f"{seconds:.3g} s" if seconds >= 1 else f"{seconds * 1e3:.3g} ms"
