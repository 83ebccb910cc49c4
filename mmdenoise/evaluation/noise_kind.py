"""What kind of noise an image has: white, correlated, or after JPEG.

Shapes: an image is (H, W) or (H, W, C), float in [0, 1] plus noise.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from .noise_level import noise_directions, patches_of

__all__ = ["coarse_level", "jpeg_grid", "neighbour_correlation", "smooth_level"]

BLOCK = 8
# Coefficients of JPEG that quality leaves first: of these rows and columns on.
HIGH = 3
NEAR_ZERO = 0.75 / 255  # less than any step of a quantised coefficient but 1
# Difference in log odds of being near 0, on the grid and at the next best place off it.
# Photographs without JPEG reached 0.05; of quality 50 to 98 they give 0.9 and more.
GRID_ODDS = 0.4
WINDOW = 9  # of smooth places, in pixels
SMOOTHEST = 0.05  # share of windows that count as smooth
RGB_TO_GREY = np.array([0.299, 0.587, 0.114])


def jpeg_grid(image: np.ndarray) -> tuple[int, int] | None:
    """Find the grid of blocks that JPEG leaves, also in files of other formats.

    Rounding makes high frequencies of a block 0 more often than those of a window
    that lies across blocks.

    Returns:
        Row and column of the first block's corner, 0 to 7 each; None without a grid.
    """
    grey = image if image.ndim == 2 else image[..., :3].mean(axis=2)
    if image.ndim == 3 and image.shape[2] == 3:
        grey = image @ RGB_TO_GREY
    if min(grey.shape) < 4 * BLOCK:
        return None
    transform = _cosines()[HIGH:]
    odds = np.zeros((BLOCK, BLOCK))
    for row in range(BLOCK):
        for column in range(BLOCK):
            part = grey[row:, column:]
            rows, columns = (side // BLOCK for side in part.shape)
            blocks = part[: rows * BLOCK, : columns * BLOCK]
            blocks = blocks.reshape(rows, BLOCK, columns, BLOCK).swapaxes(1, 2)
            high = transform @ blocks @ transform.T
            # Half a count more of each keeps the logarithm finite.
            near = (np.abs(high) < NEAR_ZERO).sum() + 0.5
            odds[row, column] = np.log(near / (high.size + 1 - near))
    first, second = np.sort(odds, axis=None)[:-3:-1]
    if first - second < GRID_ODDS:
        return None
    row, column = np.unravel_index(odds.argmax(), odds.shape)
    return int(row), int(column)


def _cosines() -> np.ndarray:
    """The orthonormal discrete cosine transform of 8 values, (8, 8)."""
    order, place = np.mgrid[:BLOCK, :BLOCK]
    matrix = np.cos(np.pi * order * (2 * place + 1) / (2 * BLOCK)) * np.sqrt(2 / BLOCK)
    matrix[0] /= np.sqrt(2)
    return matrix


def coarse_level(image: np.ndarray) -> float:
    """Level, in 8-bit units, as it is in every second row and column.

    White noise has the same level there. Noise of correlated neighbours has less at
    full size, where differences of neighbours are what is measured.

    Raises:
        ValueError: If the image is smaller than 64x64.
    """
    parts = [image[row::2, column::2] for row in (0, 1) for column in (0, 1)]
    patches = np.concatenate([patches_of(part) for part in parts])
    return 255 * float(np.sqrt(noise_directions(patches)[0]))


def _smooth_windows(image: np.ndarray) -> list[np.ndarray]:
    """Windows (N, 9, 9) of each colour that vary least, without their slopes."""
    image = image if image.ndim == 3 else image[..., None]
    place = np.arange(WINDOW) - WINDOW // 2
    norm = WINDOW * (place**2).sum()
    found = []
    for colour in range(image.shape[2]):
        windows = sliding_window_view(image[..., colour], (WINDOW, WINDOW))
        windows = windows[::4, ::4].reshape(-1, WINDOW, WINDOW).astype(np.float64)
        low, high = windows.min((1, 2)), windows.max((1, 2))
        inside = windows[(low > 2 / 255) & (high < 1 - 2 / 255)]
        windows = inside if len(inside) >= 50 else windows
        variance = windows.var((1, 2))
        smooth = windows[variance <= np.quantile(variance, SMOOTHEST)]
        smooth = smooth - smooth.mean((1, 2), keepdims=True)
        for slope in (place[:, None], place[None, :]):
            share = (smooth * slope).sum((1, 2), keepdims=True) / norm
            smooth = smooth - share * slope
        found.append(smooth)
    return found


def neighbour_correlation(image: np.ndarray) -> float:
    """Correlation of neighbours in smooth places, the mean of both directions.

    About 0 for white noise, 0.2 and more for correlated noise.
    """
    found = []
    for windows in _smooth_windows(image):
        down = (windows[:, 1:] * windows[:, :-1]).mean()
        right = (windows[:, :, 1:] * windows[:, :, :-1]).mean()
        found.append((down + right) / 2 / max(np.square(windows).mean(), 1e-12))
    return float(np.mean(found))


def smooth_level(image: np.ndarray) -> float:
    """Standard deviation in the smoothest places, 8-bit units.

    Of any noise, correlated or not, and at most that of the whole image.
    """
    variances = [np.square(windows).mean() for windows in _smooth_windows(image)]
    return 255 * float(np.sqrt(np.mean(variances)))
