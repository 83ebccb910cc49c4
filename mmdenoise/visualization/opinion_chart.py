"""Mean opinion scores as bars (Figure 5)."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot_opinions"]

BLUE = "#0072B2"  # of Okabe and Ito
NAME_WIDTH = 16  # letters


def plot_opinions(
    methods: Sequence[str], means: np.ndarray, halves: np.ndarray, raters: int
) -> Figure:
    """Draw a bar a method, with its 95% interval and its number.

    Args:
        methods: Names.
        means: (M,) mean opinion scores, 1 to M.
        halves: (M,) half widths of their intervals; NaN draws none.
        raters: How many people they are of.
    """
    # Not pyplot, which keeps figures and asks for a display.
    from matplotlib.figure import Figure

    count = len(methods)
    size = (max(1.3 * count + 1.2, 4.5), 4.2)
    figure = Figure(figsize=size, dpi=150, layout="constrained")
    axes = figure.subplots()
    places = np.arange(count)
    axes.bar(places, means, width=0.6, color=BLUE)
    if np.isfinite(halves).all():
        style = dict(fmt="none", ecolor="black", capsize=6)
        axes.errorbar(places, means, yerr=halves, **style)
    tops = means + np.nan_to_num(halves)
    for place, mean, top in zip(places, means, tops):
        axes.text(place, top + 0.05, f"{mean:.2f}", ha="center", va="bottom")
    axes.set_xticks(places, [textwrap.fill(name, NAME_WIDTH) for name in methods])
    axes.set_ylim(0, max(count, tops.max() + 0.2) + 0.2)
    axes.set_yticks(range(1, count + 1))
    axes.set_ylabel(f"mean opinion score (1 worst, {count} best)")
    axes.set_title(f"{raters} rater" + "s" * (raters != 1) + ", 95% intervals")
    axes.spines[["top", "right"]].set_visible(False)
    return figure
