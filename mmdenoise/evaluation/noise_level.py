"""The level of an image's noise, from the image alone.

Source: Chen, Zhu and Heng, "An Efficient Statistical Method for Image Noise Level
Estimation", ICCV 2015. Patches of an image vary along few directions; along all others
there is noise alone, whose variance is there the covariance's eigenvalue. Eigenvalues
of noise spread evenly around their mean: so many of the largest are left out until the
mean of the rest is no more than its median (Section 3.2, Algorithm 1).

Shapes: an image is (H, W) or (H, W, C), float in [0, 1] plus noise. P patches of D
values each are (P, D), with the C colours one after the other.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view

__all__ = [
    "CLIPPED",
    "clipped_share",
    "noise_directions",
    "noise_level",
    "patch_means",
    "patches_of",
]

SIDE, STRIDE = 8, 3  # the paper's
MOST_PATCHES = 300_000  # 0.2 GB of colour
# Patches for each value of a patch: as many as there are, and where some are left out.
ENOUGH_EACH, FEWEST_EACH = 100, 10
# Share of values at black or white from which an image's noise counts as clipped.
CLIPPED = 1e-3
STEPS = 8
ROWS = 32_768  # of patches that are in float64 at once


def patches_of(image: np.ndarray, most: int = MOST_PATCHES) -> np.ndarray:
    """Cut overlapping patches of 8x8 pixels, as (P, D) float32.

    Args:
        image: (H, W) or (H, W, C).
        most: So many or fewer, by a larger stride.

    Raises:
        ValueError: If the image is too small for a patch for each of its values.
    """
    image = image if image.ndim == 3 else image[..., None]
    height, width, colours = image.shape
    values = SIDE * SIDE * colours
    places = max(height - SIDE + 1, 0) * max(width - SIDE + 1, 0)
    if places < 2 * values:
        raise ValueError(
            f"an image of {height}x{width} is too small to measure its noise; 32x32 "
            "will do"
        )
    # Small images have too few patches at the paper's stride.
    stride = int(np.clip(np.sqrt(places / (ENOUGH_EACH * values)), 1, STRIDE))
    stride = max(stride, int(np.ceil(np.sqrt(places / most))))
    windows = sliding_window_view(image.astype(np.float32), (SIDE, SIDE), axis=(0, 1))
    return windows[::stride, ::stride].reshape(-1, values)


def patch_means(patches: np.ndarray) -> np.ndarray:
    """Mean of each colour in each patch, (P, C)."""
    return patches.reshape(len(patches), -1, SIDE * SIDE).mean(axis=2)


def noise_directions(patches: np.ndarray) -> tuple[float, np.ndarray]:
    """Split noise from what the image shows.

    Args:
        patches: (P, D), P of D or more.

    Returns:
        The variance of the noise, in the square of the patches' unit, and (D, K)
        directions along which there is noise alone.
    """
    centred = patches - patches.mean(axis=0, dtype=np.float64).astype(np.float32)
    # float32 would lose the smallest eigenvalues in the sums of the largest.
    squares = sum(part.T @ part for part in _in_float64(centred))
    covariance = squares / len(patches)
    variances, directions = np.linalg.eigh(covariance)
    count = len(variances)
    while count > 1 and variances[:count].mean() > np.median(variances[:count]):
        count -= 1
    return max(float(variances[:count].mean()), 0.0), directions[:, :count]


def _in_float64(patches: np.ndarray) -> Iterator[np.ndarray]:
    for first in range(0, len(patches), ROWS):
        yield patches[first : first + ROWS].astype(np.float64)


def clipped_share(image: np.ndarray) -> float:
    """Share of values that are exactly black or white; 0 where some lie beyond."""
    if image.min() < 0 or image.max() > 1:
        return 0.0
    return float(((image == 0) | (image == 1)).mean())


def noise_level(image: np.ndarray) -> float:
    """Estimate the standard deviation of white noise.

    Noise that is clipped to [0, 1] has less variance near black and white. There the
    level is measured in patches whose mean keeps its distance from both, and what
    clipping has taken of a Gaussian is given back.

    Args:
        image: (H, W) or (H, W, C), float in [0, 1] plus noise, 32x32 or larger.

    Returns:
        The level in 8-bit units.

    Raises:
        ValueError: If the image is too small.
    """
    patches = patches_of(image)
    variance, _ = noise_directions(patches)
    sigma = float(np.sqrt(variance))
    if clipped_share(image) < CLIPPED or sigma == 0:
        return 255 * sigma
    means = patch_means(patches)
    fewest = FEWEST_EACH * patches.shape[1]
    for _ in range(STEPS):
        grid = np.linspace(-2 * sigma, 1 + 2 * sigma, 400)
        clipped_mean, left = _clipped_gaussian(grid, sigma)
        true_means = np.interp(means, clipped_mean, grid)
        share = np.interp(true_means, grid, left / sigma**2).mean(axis=1)
        safe = ((true_means > sigma) & (true_means < 1 - sigma)).all(axis=1)
        if safe.sum() < fewest:
            safe = np.argsort(-share)[:fewest]
        variance, _ = noise_directions(patches[safe])
        before, sigma = sigma, float(np.sqrt(variance / share[safe].mean()))
        if sigma == 0 or abs(sigma - before) < 1e-4 * sigma:
            break
    return 255 * sigma


def _clipped_gaussian(mean: np.ndarray, sigma: float) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance of a Gaussian that is clipped to [0, 1]."""
    low, high = -mean / sigma, (1 - mean) / sigma
    below, above = _normal(low), 1 - _normal(high)
    inside = 1 - below - above
    bell_low, bell_high = _bell(low), _bell(high)
    first = mean * inside + sigma * (bell_low - bell_high) + above
    second = (mean**2 + sigma**2) * inside + above
    second += sigma * (mean * bell_low - (mean + 1) * bell_high)
    return first, np.maximum(second - first**2, 0)


def _bell(place: np.ndarray) -> np.ndarray:
    return np.exp(-(place**2) / 2) / np.sqrt(2 * np.pi)


def _normal(place: np.ndarray) -> np.ndarray:
    return torch.special.ndtr(torch.from_numpy(place)).numpy()
