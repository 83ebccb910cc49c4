"""Scores over the level of noise: a line a method, its band the interval."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Line", "Panel", "plot_sweep"]

# Okabe and Ito's colours, which colour-blind readers tell apart ("Color Universal
# Design", 2008), without yellow, which is faint on white; marks and dashes repeat them.
COLOURS = ("#000000", "#E69F00", "#56B4E9", "#009E73", "#0072B2", "#D55E00", "#CC79A7")
MARKS = ("o", "s", "^", "D", "v", "P", "X")
DASHES = ("--", "-", "-.", ":")
SIZE = (6.6, 4.2)  # inches, with the legend


class Line(NamedTuple):
    """A method under the severities of a noise.

    Attributes:
        name: Of the method.
        values: Score, and the bounds of its interval, one a severity.
    """

    name: str
    values: list[tuple[float, float, float]]


class Panel(NamedTuple):
    """A head under one kind of noise.

    Attributes:
        title: The head, and the noise.
        metric: Name of the score.
        axis: Name of the severity.
        severities: Numbers, or names, one a column.
        clean: The head's score on clean images.
        lines: The methods.
    """

    title: str
    metric: str
    axis: str
    severities: list
    clean: float
    lines: list[Line]


def plot_sweep(rows: Sequence[Sequence[Panel]]) -> Figure:
    """Draw a row of panels a head.

    Args:
        rows: Of each head, its panels.
    """
    # Not pyplot, which keeps figures and asks for a display.
    from matplotlib.figure import Figure

    wide = max(map(len, rows))
    size = (SIZE[0] * wide, SIZE[1] * len(rows))
    figure = Figure(figsize=size, dpi=150, layout="constrained")
    grid = figure.subplots(len(rows), wide, squeeze=False)
    for axes, panels in zip(grid, rows):
        for place in axes[len(panels) :]:
            place.set_axis_off()
        for place, panel in zip(axes, panels):
            _draw(place, panel)
    return figure


def _draw(place, panel: Panel) -> None:
    numeric = all(isinstance(value, (int, float)) for value in panel.severities)
    count = len(panel.severities)
    steps = panel.severities if numeric else list(range(count))
    clean = f"clean, {panel.clean:.1f}"
    place.axhline(panel.clean, color="grey", linewidth=1, linestyle=(0, (1, 1)))
    place.annotate(
        clean,
        (1, panel.clean),
        xycoords=("axes fraction", "data"),
        xytext=(-4, -4),
        textcoords="offset points",
        ha="right",
        va="top",
        color="dimgrey",
    )
    for index, line in enumerate(panel.lines):
        colour = COLOURS[index % len(COLOURS)]
        values, low, high = zip(*line.values)
        place.fill_between(steps, low, high, color=colour, alpha=0.15, linewidth=0)
        place.plot(
            steps,
            values,
            color=colour,
            marker=MARKS[index % len(MARKS)],
            linestyle=DASHES[index % len(DASHES)],
            label=line.name,
        )
    place.set_xticks(
        steps, [str(v) if not numeric else f"{v:g}" for v in panel.severities]
    )
    place.set_title(panel.title)
    place.set_xlabel(panel.axis)
    place.set_ylabel(panel.metric)
    place.grid(alpha=0.3)
    # Beside the panel, for there may be lines anywhere in it.
    place.legend(loc="upper left", bbox_to_anchor=(1, 1))
