"""Grey images through a denoiser of colour images.

Such a denoiser was trained on noise that is independent in the three channels, of one
level in each. Three equal channels hold one noise, which it takes for structure. So
what is missing is added: noise that cancels in the mean of the channels. With the
contrast divided by sqrt(3), the image's own noise has the level sigma / sqrt(3), as the
mean of independent noise of level sigma has; with the added noise of covariance sigma^2
(I - 11^T / 3) that of each channel is independent of the others', and of level sigma.
The mean of what comes back, its contrast multiplied again, is the image.
"""

from __future__ import annotations

import functools
import math

import numpy as np
import torch
from torch import Tensor

__all__ = ["as_colour", "as_grey", "estimated_level", "is_grey"]

CONTRAST = math.sqrt(3)
# Side of the noise that is added, again and again; a prime, so that no grid shows.
PERIOD = 509
# Pixels by which the level is estimated.
SAMPLE = 2**22
# Median of the absolute values of a normal variable of standard deviation 1.
NORMAL_MEDIAN = 0.6745


def is_grey(image: np.ndarray) -> bool:
    """Whether the channels of an image, (H, W, C), are equal everywhere."""
    return all(
        np.array_equal(image[..., 0], image[..., i]) for i in range(1, image.shape[2])
    )


def estimated_level(
    image: np.ndarray, peak: float, counted: np.ndarray | None = None
) -> float:
    """Estimate the level of white noise in a grey image.

    The median of the absolute response of a Laplacian mask that ignores planes and
    edges along the axes: the mask is Immerkaer's ("Fast noise variance estimation",
    CVIU 1996), the median Donoho's ("De-noising by soft-thresholding", IEEE TIT 1995,
    Section VI).

    Args:
        image: (H, W), 0 is black.
        peak: The value of white. Clipped pixels hold no noise and are left out.
        counted: (H, W), which pixels are looked at, or None for all.

    Returns:
        Standard deviation in 8-bit units; 0 where no pixel is left.
    """
    rows = max(3, SAMPLE // max(image.shape[1], 1))
    top = max(0, (image.shape[0] - rows) // 2)
    part = image[top : top + rows].astype(np.float32)
    part = part / np.float32(peak)
    if min(part.shape) < 3:
        return 0.0
    down = part[:-2] - 2 * part[1:-1] + part[2:]
    both = (down[:, :-2] - 2 * down[:, 1:-1] + down[:, 2:]) / 6
    middle = part[1:-1, 1:-1]
    kept = (middle > 0) & (middle < 1)
    if counted is not None:
        kept &= counted[top : top + rows][1:-1, 1:-1]
    if not kept.any():
        return 0.0
    return float(np.median(np.abs(both[kept]))) / NORMAL_MEDIAN * 255


def as_colour(grey: Tensor, level: Tensor, rows: slice, columns: slice) -> Tensor:
    """Turn part of grey images into colours whose noise is as a denoiser knows it.

    Args:
        grey: (N, 1, h, w), in [0, 1] plus noise.
        level: Of its noise in 8-bit units, (N or 1, 1, h or 1, w or 1).
        rows: Where the part lies in the image, so that parts fit to each other.
        columns: The same.

    Returns:
        (N, 3, h, w).
    """
    down = torch.arange(rows.start, rows.stop) % PERIOD
    across = torch.arange(columns.start, columns.stop) % PERIOD
    added = _colour_noise()[:, down][:, :, across].to(grey)
    return (grey - 0.5) / CONTRAST + 0.5 + added * (level.to(grey) / 255)


def as_grey(colours: Tensor) -> Tensor:
    """The images of :func:`as_colour`: (N, 3, h, w) to (N, 1, h, w)."""
    return (colours.mean(dim=1, keepdim=True) - 0.5) * CONTRAST + 0.5


@functools.lru_cache(maxsize=1)
def _colour_noise() -> Tensor:
    """(3, PERIOD, PERIOD), of covariance I - 11^T / 3: its mean over channels is 0."""
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(3, PERIOD, PERIOD, generator=generator, dtype=torch.float64)
    return noise - noise.mean(dim=0)
