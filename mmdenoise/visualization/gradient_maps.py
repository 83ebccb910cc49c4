"""Gradients as pictures."""

from __future__ import annotations

import numpy as np

__all__ = ["magnitude_picture"]

# What lies above is drawn as this: a few extreme pixels would leave the rest black.
BRIGHTEST = 99.5


def magnitude_picture(energy: np.ndarray) -> np.ndarray:
    """Draw squared gradients: black for none, yellow for the largest magnitudes.

    Args:
        energy: (H, W), not negative. Each map has a scale of its own.

    Returns:
        (H, W, 3) uint8 RGB of the magnitude (the root), in the colours *magma*, whose
        lightness rises evenly.
    """
    from matplotlib import colormaps

    magnitude = np.sqrt(energy)
    largest = np.percentile(magnitude, BRIGHTEST) or magnitude.max() or 1.0
    return colormaps["magma"](np.clip(magnitude / largest, 0, 1), bytes=True)[..., :3]
