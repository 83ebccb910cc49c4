"""PSNR over the noise level: one panel a data set, one line a method."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mmdenoise.benchmarks.score_tables import Average

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot_psnr"]

PANEL = (6.2, 4.2)  # inches, with the legend


def plot_psnr(averages: Sequence[Average]) -> Figure:
    """Draw averages over images; the paper's stand beside them as hollow marks.

    Args:
        averages: From :func:`mmdenoise.benchmarks.score_tables.averages`.
    """
    # Not pyplot, which keeps figures and asks for a display.
    from matplotlib.figure import Figure

    sets = list(dict.fromkeys(average.data for average in averages))
    methods = list(dict.fromkeys(average.method for average in averages))
    size = (PANEL[0] * max(len(sets), 1), PANEL[1])
    figure = Figure(figsize=size, dpi=150, layout="constrained")
    panels = figure.subplots(1, max(len(sets), 1), squeeze=False)[0]
    for panel, data in zip(panels, sets):
        own = sorted((a for a in averages if a.data == data), key=lambda a: a.sigma)
        for index, method in enumerate(methods):
            # The same colour in every panel.
            _draw(panel, [a for a in own if a.method == method], f"C{index % 10}")
        if any(a.paper is not None for a in own):
            panel.plot([], [], "o", color="grey", fillstyle="none", label="the paper")
        levels = sorted({a.sigma for a in own})
        panel.set_xticks(levels, [f"{level:g}" for level in levels])
        count = max(a.images for a in own)
        panel.set_title(f"{data}, {count} image" + "s" * (count != 1))
        panel.set_xlabel("noise level σ, 8-bit units")
        panel.set_ylabel("average PSNR, dB")
        panel.grid(alpha=0.3)
        # Beside the panel, for there may be lines anywhere in it.
        panel.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def _draw(panel, line: list[Average], colour: str) -> None:
    if not line:
        return
    levels = [a.sigma for a in line]
    panel.plot(levels, [a.psnr for a in line], ".-", color=colour, label=line[0].method)
    printed = [a for a in line if a.paper is not None]
    panel.plot(
        [a.sigma for a in printed],
        [a.paper for a in printed],
        "o",
        color=colour,
        fillstyle="none",
        markersize=9,
    )
