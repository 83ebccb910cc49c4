"""Denoise an image in memory: arrays of 8 or 16 bits or floats, and tensors.

Shapes: H, W the height and width, C the channels: 1 grey, 2 grey and alpha, 3 RGB,
4 RGB and alpha. Arrays have channels last, or none if they are grey; tensors have them
first.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn

from .tiling import run_in_tiles, tiling_of

__all__ = ["denoise"]

# Noise takes floats out of [0, 1], but the strongest that is simulated not so far.
LOWEST, HIGHEST = -5.0, 6.0
# Rows that are checked at once, so that checking takes no second image.
CHECKED_ROWS = 256
# Denoisers of colour images expect noise that is independent in the three channels: of
# their mean it leaves 1 / sqrt(3). A grey image's own would stay whole, so its contrast
# is divided by that around the middle, and multiplied afterwards.
GREY = math.sqrt(3)


def denoise(
    denoiser: nn.Module,
    image: np.ndarray | Tensor,
    tile: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> np.ndarray | Tensor:
    """Denoise an image, in tiles, so that memory does not grow with it.

    The noise is the image's own: none is added.

    Args:
        denoiser: From :func:`mmdenoise.apis.load_denoiser`, or any module that maps RGB
            float (N, 3, H, W) in [0, 1] to the same. It runs in evaluation mode.
        image: An array (H, W), (H, W, 1), (H, W, 2), (H, W, 3) or (H, W, 4), RGB,
            uint8 or uint16 over their whole range, or float in [0, 1]; or a float
            tensor (C, H, W) or (N, C, H, W) in [0, 1] with C 1 or 3. Floats may leave
            [0, 1] by their noise. A grey image goes through as three equal channels of
            less contrast, and their mean comes back.
        tile: Side of a tile in pixels, halo included. None: 512 for denoisers with a
            finite field, where tiles give what the whole image gives, and else the
            whole image; 0: the whole image. Given for a denoiser without a finite
            field, tiles overlap and are blended, which gives nearly the same.
        progress: Called after each tile with the number of pixels done, and of all.

    Returns:
        The same shape and type: integers rounded and clipped to their range, floats not
        clipped. Alpha is as it was.

    Raises:
        TypeError: If the image is no array or tensor, or of another number type.
        ValueError: If it is of another shape, empty, holds NaN or infinity, or floats
            that are not in [0, 1] plus noise; or if the tile is too small.
    """
    if isinstance(image, Tensor):
        inside = _TensorImage(image)
    elif isinstance(image, np.ndarray):
        inside = _ArrayImage(image)
    else:
        raise TypeError(
            f"an image must be a NumPy array or a tensor, got {type(image).__name__}"
        )
    parameter = next((p for p in denoiser.parameters() if p.is_floating_point()), None)
    where = dict(dtype=torch.float32)
    if parameter is not None:
        where = dict(dtype=parameter.dtype, device=parameter.device)

    def read(rows: slice, columns: slice) -> Tensor:
        part = inside.read(rows, columns).to(**where)
        if inside.colours == 1:
            part = ((part - 0.5) / GREY + 0.5).expand(-1, 3, -1, -1)
        # On a CPU convs then take an eighth less time.
        return part.contiguous(memory_format=torch.channels_last)

    def write(rows: slice, columns: slice, output: Tensor) -> None:
        if inside.colours == 1:
            output = (output.mean(dim=1, keepdim=True) - 0.5) * GREY + 0.5
        inside.write(rows, columns, output)

    tiling = tiling_of(denoiser, tile)
    with _evaluation(denoiser):
        run_in_tiles(denoiser, tiling, inside.size, read, write, progress)
    return inside.result.reshape(image.shape)


@contextmanager
def _evaluation(denoiser: nn.Module) -> Iterator[None]:
    training = [module for module in denoiser.modules() if module.training]
    denoiser.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True


class _ArrayImage:
    """An array (H, W, C), read as floats and written as what it is.

    Args:
        image: As :func:`denoise` takes it.
    """

    def __init__(self, image: np.ndarray) -> None:
        kind = image.dtype.kind
        if kind != "f" and not (kind == "u" and image.dtype.itemsize <= 2):
            raise TypeError(
                f"an array must be uint8, uint16 or float in [0, 1], got {image.dtype}"
            )
        # Whatever uses the whole range of its integers has the range [0, 1].
        self.peak = None if kind == "f" else float(np.iinfo(image.dtype).max)
        self.image = image[..., None] if image.ndim == 2 else image
        if self.image.ndim != 3 or not 1 <= self.image.shape[2] <= 4 or not image.size:
            raise ValueError(
                "an array must be (H, W) or (H, W, C) with 1 to 4 channels, the last, "
                f"and not empty; got {image.shape}"
            )
        self.size = self.image.shape[:2]
        self.colours = 1 if self.image.shape[2] <= 2 else 3
        for top in range(0, self.size[0] if kind == "f" else 0, CHECKED_ROWS):
            part = self.image[top : top + CHECKED_ROWS, :, : self.colours]
            _check_range(float(part.min()), float(part.max()))
        self.result = np.empty_like(self.image)
        self.result[..., self.colours :] = self.image[..., self.colours :]

    def read(self, rows: slice, columns: slice) -> Tensor:
        """Return (1, C, h, w) without alpha, float in [0, 1]."""
        part = self.image[rows, columns, : self.colours]
        wide = np.float64 if part.dtype.itemsize == 8 else np.float32
        part = torch.from_numpy(part.astype(wide)).permute(2, 0, 1)[None]
        return part if self.peak is None else part.div_(self.peak)

    def write(self, rows: slice, columns: slice, output: Tensor) -> None:
        """Take (1, C, h, w)."""
        output = output[0].permute(1, 2, 0)
        if self.peak is not None:
            # In float32 at least: half precision has too few steps.
            output = output.float().clamp(0, 1).mul_(self.peak).round_()
        self.result[rows, columns, : self.colours] = output.cpu().numpy()


class _TensorImage:
    """A tensor (N, C, H, W).

    Args:
        image: As :func:`denoise` takes it.
    """

    peak = None

    def __init__(self, image: Tensor) -> None:
        if not image.is_floating_point():
            raise TypeError(f"a tensor must be float in [0, 1], got {image.dtype}")
        self.image = image[None] if image.ndim == 3 else image
        if self.image.ndim != 4 or self.image.shape[1] not in (1, 3):
            raise ValueError(
                "a tensor must be (C, H, W) or (N, C, H, W) with C 1 or 3, got "
                f"{tuple(image.shape)}"
            )
        if not image.numel():
            raise ValueError(f"a tensor must not be empty, got {tuple(image.shape)}")
        self.size = tuple(self.image.shape[2:])
        self.colours = self.image.shape[1]
        _check_range(float(image.min()), float(image.max()))
        self.result = torch.empty_like(self.image)

    def read(self, rows: slice, columns: slice) -> Tensor:
        return self.image[..., rows, columns]

    def write(self, rows: slice, columns: slice, output: Tensor) -> None:
        self.result[..., rows, columns] = output


def _check_range(low: float, high: float) -> None:
    """Refuse what is no image in [0, 1]; NaN passes through minimum and maximum.

    Raises:
        ValueError: Saying what the values are.
    """
    if not np.isfinite([low, high]).all():
        raise ValueError("the image holds NaN or infinite values")
    if low < LOWEST or high > HIGHEST:
        raise ValueError(
            f"the image's floats reach from {low:.4g} to {high:.4g}; they must be in "
            "[0, 1], plus noise: divide by 255, or give uint8"
        )
