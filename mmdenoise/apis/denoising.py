"""Denoise an image in memory: arrays of 8 or 16 bits or floats, and tensors."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn

from mmdenoise.models.batch_checks import checked_finite, checked_image
from mmdenoise.precision import autocast, precision_for

from .grey_images import as_colour, as_grey
from .image_access import ArrayImage, TensorImage, opened_image
from .tiling import run_in_tiles, tiling_of

__all__ = ["denoise", "precision_of"]


def denoise(
    denoiser: nn.Module,
    image: np.ndarray | Tensor,
    tile: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    sigma: float | np.ndarray | Tensor | None = None,
    white_level: float | None = None,
    precision: str = "float32",
) -> np.ndarray | Tensor:
    """Denoise an image, in tiles, so that memory does not grow with it.

    The noise is the image's own: none is added to it. Several threads may use one
    denoiser at once.

    Args:
        denoiser: From :func:`mmdenoise.apis.load_denoiser`, or any module that maps RGB
            float (N, 3, H, W) in [0, 1] to the same. It runs in evaluation mode.
        image: An array (H, W), (H, W, 1), (H, W, 2), (H, W, 3) or (H, W, 4), RGB,
            uint8 or uint16 over their whole range, or float in [0, 1]; or a float
            tensor (C, H, W) or (N, C, H, W) in [0, 1] with C 1 or 3. Floats may leave
            [0, 1] by their noise. An image of one channel and one of three equal ones
            are the same image: :mod:`mmdenoise.apis.grey_images`.
        tile: Side of a tile in pixels, halo included. None: 512 for denoisers with a
            finite field, where tiles give what the whole image gives, and else the
            whole image; 0: the whole image. Given for a denoiser without a finite
            field, tiles overlap and are blended, which gives nearly the same.
        progress: Called after each tile with the number of pixels done, and of all.
        sigma: Level of the noise in 8-bit units, for a denoiser that takes it: a
            number, (N,), or a map (H, W) or whatever broadcasts to (N, 1, H, W).
        white_level: The value of white, where it is not the largest of the type, or 1:
            4095 for 12 bits in 16.
        precision: ``'float32'`` (the network's own), ``'bfloat16'``, or ``'auto'``:
            bfloat16 where the device has instructions for it and the image has 8 bits
            a value. Methods that are no networks run in their own.

    Returns:
        The same shape and type: integers rounded and clipped to their range, floats not
        clipped. Alpha is as it was, and so are the colours that it hides, which reach
        no other pixel.

    Raises:
        TypeError: If the image is no array or tensor, or of another number type.
        ValueError: If it is of another shape, empty, holds NaN or infinity, or floats
            that are not in [0, 1] plus noise; if the tile is too small, the level fits
            no image or is not taken.
        RuntimeError: If the denoiser returns NaN, infinity, or another shape.

    Example:
        >>> image = np.full((4, 6, 3), 128, np.uint8)
        >>> bool((denoise(nn.Identity(), image) == image).all())
        True
    """
    inside = opened_image(image, white_level)
    network = _TileDenoiser(denoiser, inside, sigma, precision, image.dtype)
    tiling = tiling_of(denoiser, tile)
    with _evaluation(denoiser):
        run_in_tiles(network.run, tiling, inside.size, network.write, progress)
    return inside.result


class _TileDenoiser:
    """A denoiser on the tiles of one image: its type, its device, its level, grey.

    Args:
        denoiser: As for :func:`denoise`.
        inside: The image.
        sigma: As for :func:`denoise`.
        precision: As for :func:`denoise`.
        dtype: Of the image.

    Raises:
        ValueError: If the level fits no image or is not taken, or the precision is not
            one that the device has.
    """

    def __init__(
        self,
        denoiser: nn.Module,
        inside: ArrayImage | TensorImage,
        sigma: float | np.ndarray | Tensor | None,
        precision: str,
        dtype: np.dtype | torch.dtype,
    ) -> None:
        parameters = (p for p in denoiser.parameters() if p.is_floating_point())
        parameter = next(parameters, None)
        self.where = dict(dtype=torch.float32, device=torch.device("cpu"))
        if parameter is not None:
            self.where = dict(dtype=parameter.dtype, device=parameter.device)
        if sigma is not None and not getattr(denoiser, "takes_sigma", False):
            raise ValueError(
                f"this {type(denoiser).__name__} takes no sigma, it has its level from "
                "its training"
            )
        self.denoiser, self.inside = denoiser, inside
        self.precision = precision_of(denoiser, dtype, precision)
        self.level = None if sigma is None else _level_map(sigma, inside.size)
        self.grey = inside.grey.view(-1, 1, 1, 1)
        known = self.level if self.level is not None else _own_level(denoiser)
        self.noise = inside.levels.view(-1, 1, 1, 1) if known is None else known

    def run(self, rows: slice, columns: slice) -> Tensor:
        """Denoise a tile, (N, 3, h, w)."""
        part = self.inside.read(rows, columns).to(**self.where)
        if self.grey.any():
            noise = _part(self.noise, rows, columns)
            colour = as_colour(part[:, :1], noise, rows, columns)
            part = torch.where(self.grey.to(part.device), colour, part)
        told = ()
        if self.level is not None:
            told = (_part(self.level, rows, columns).to(**self.where),)
        # On a CPU convs then take an eighth less time.
        part = part.contiguous(memory_format=torch.channels_last)
        with autocast(self.precision, self.where["device"]):
            output = self.denoiser(part, *told)
        output = checked_image(self.denoiser, part, output)
        return checked_finite(self.denoiser, output).to(self.where["dtype"])

    def write(self, rows: slice, columns: slice, output: Tensor) -> None:
        """Put a denoised part where it belongs, grey where the image is."""
        if self.grey.all():
            output = as_grey(output)
        elif self.grey.any():
            grey = self.grey.to(output.device)
            output = torch.where(grey, as_grey(output), output)
        self.inside.write(rows, columns, output)


def precision_of(denoiser: nn.Module, dtype: np.dtype | torch.dtype, asked: str) -> str:
    """Which precision :func:`denoise` runs in: ``'float32'`` or ``'bfloat16'``.

    Args:
        denoiser: The denoiser; without weights it is no network.
        dtype: Of the image.
        asked: ``'auto'``, ``'float32'`` or ``'bfloat16'``.

    Raises:
        ValueError: If ``asked`` is none of these, or the device has no bfloat16.
    """
    chosen = precision_for(denoiser, asked)
    # bfloat16 has no more than 8 significant bits.
    wide = asked == "auto" and dtype not in (np.uint8, torch.uint8)
    return "float32" if wide else chosen


def _level_map(sigma: float | np.ndarray | Tensor, size: tuple[int, int]) -> Tensor:
    """A level as (N or 1, 1 or 3, H or 1, W or 1); the denoiser checks its values."""
    level = torch.as_tensor(sigma)
    if level.ndim < 2:
        level = level.reshape(-1, 1, 1, 1)
    level = level[(None,) * (4 - level.ndim)]
    fits = (found in (1, full) for found, full in zip(level.shape[-2:], size))
    if level.ndim > 4 or not all(fits):
        raise ValueError(
            f"sigma of shape {tuple(level.shape)} does not fit an image of "
            f"{size[0]}x{size[1]}"
        )
    return level


def _own_level(denoiser: nn.Module) -> Tensor | None:
    """The level that a denoiser was given when it was built, (1, 1 or 3, 1, 1)."""
    own = getattr(denoiser, "sigma", None)
    return None if own is None else torch.as_tensor(own).reshape(1, -1, 1, 1)


def _part(level: Tensor, rows: slice, columns: slice) -> Tensor:
    level = level[..., rows, :] if level.shape[-2] > 1 else level
    return level[..., columns] if level.shape[-1] > 1 else level


# Of denoisers that are running: how often, and which modules were in training mode.
_RUNNING: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()
_LOCK = threading.Lock()


@contextmanager
def _evaluation(denoiser: nn.Module) -> Iterator[None]:
    """Put a denoiser in evaluation mode until the last thread that runs it is done."""
    with _LOCK:
        count, training = _RUNNING.get(denoiser, (0, None))
        if not count:
            training = [module for module in denoiser.modules() if module.training]
            denoiser.eval()
        _RUNNING[denoiser] = count + 1, training
    try:
        yield
    finally:
        with _LOCK:
            count, training = _RUNNING.pop(denoiser)
            if count > 1:
                _RUNNING[denoiser] = count - 1, training
            else:
                for module in training:
                    module.training = True
