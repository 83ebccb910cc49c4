"""Variance of noise over brightness, and the line that was fitted to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mmdenoise.evaluation.noise_curve import NoiseCurve, PoissonGaussian

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot_noise"]

BLUE, ORANGE = "#0072B2", "#D55E00"  # of Okabe and Ito


def plot_noise(curve: NoiseCurve, fit: PoissonGaussian, title: str) -> Figure:
    """Draw what was measured as dots and the fit as a dashed line, in 8-bit units.

    Args:
        curve: Variances, of one step or more.
        fit: The line.
        title: What was measured.
    """
    # Not pyplot, which keeps figures and asks for a display.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.6, 4.2), dpi=150, layout="constrained")
    axes = figure.subplots()
    brightness, scale = np.linspace(0, 1, 50), 255**2
    axes.plot(
        255 * curve.brightness,
        scale * curve.variance,
        "o",
        color=BLUE,
        markersize=5,
        label="measured",
    )
    peak = "no growth" if np.isinf(fit.peak) else f"peak {fit.peak:.4g}"
    axes.plot(
        255 * brightness,
        scale * fit.variance(brightness),
        "--",
        color=ORANGE,
        linewidth=2,
        label=f"fit: {peak}, sigma {fit.sigma:.3g}",
    )
    axes.set_xlim(0, 255)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("brightness, 8-bit units")
    axes.set_ylabel("variance of the noise, 8-bit units squared")
    axes.set_title(title)
    axes.grid(alpha=0.3)
    axes.legend()
    axes.spines[["top", "right"]].set_visible(False)
    return figure
