"""Patches of images of any size, drawn and cut on the device, a batch at a time.

Shapes: N images of (h_i, w_i) pixels lie one after the other, row by row, in one tensor
``pixels`` (sum of h_i * w_i, 3) of 8-bit values; B patches are (B, 3, size, size).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Generator, Tensor

__all__ = ["ImageBank", "Places", "cut_patches", "draw_places", "gather_images"]

SYMMETRIES = 8  # of a square: transposed or not, times two flips
WIDE = 2**31  # against the few thousand places of an image, so that `%` is fair


class ImageBank(NamedTuple):
    """Decoded images.

    Attributes:
        pixels: (P, 3) uint8, in the images' own order of channels.
        starts: (N,) int64, the row of ``pixels`` that holds an image's first pixel.
        heights: (N,) int64.
        widths: (N,) int64.
    """

    pixels: Tensor
    starts: Tensor
    heights: Tensor
    widths: Tensor


class Places(NamedTuple):
    """Where B patches lie, and how they are turned.

    Attributes:
        image: (B,) int64, numbers of images.
        top: (B,) int64, the uppermost row.
        left: (B,) int64, the leftmost column.
        symmetry: (B,) int64 in [0, 8). Bit 0: rows and columns are swapped; bit 1: the
            result is then flipped upside down; bit 2: left to right.
    """

    image: Tensor
    top: Tensor
    left: Tensor
    symmetry: Tensor


def gather_images(
    images: Sequence[np.ndarray], device: str | torch.device = "cpu"
) -> ImageBank:
    """Put N images (h_i, w_i, 3) of 8-bit values into one tensor on a device."""
    heights, widths = torch.tensor([image.shape[:2] for image in images]).unbind(1)
    counts = heights * widths
    pixels = torch.empty((int(counts.sum()), 3), dtype=torch.uint8)
    starts = counts.cumsum(0) - counts
    for start, count, image in zip(starts.tolist(), counts.tolist(), images):
        pixels[start : start + count] = torch.from_numpy(
            np.ascontiguousarray(image).reshape(-1, 3)
        )
    return ImageBank(*(t.to(device) for t in (pixels, starts, heights, widths)))


def draw_places(bank: ImageBank, size: int, count: int, generator: Generator) -> Places:
    """Draw places: an image, a place in it and a symmetry, each uniformly.

    Args:
        bank: Images, all of at least ``size`` pixels a side.
        size: Side of a patch in pixels.
        count: Number of patches, B.
        generator: On the bank's device.
    """
    drawn = torch.randint(
        WIDE, (4, count), generator=generator, device=bank.pixels.device
    )
    image = drawn[0] % len(bank.starts)
    return Places(
        image,
        drawn[1] % (bank.heights[image] - size + 1),
        drawn[2] % (bank.widths[image] - size + 1),
        drawn[3] % SYMMETRIES,
    )


def cut_patches(bank: ImageBank, places: Places, size: int) -> Tensor:
    """Cut and turn patches, without a loop over them.

    Returns:
        (B, 3, size, size) uint8, on the bank's device; a view of (B, size, size, 3).
    """
    steps = torch.arange(size, device=bank.pixels.device)
    rows, columns = steps.view(1, -1, 1), steps.view(1, 1, -1)
    image, top, left, symmetry = (t.view(-1, 1, 1) for t in places)
    # Position (r, c) of the patch shows the image's pixel (row, column).
    flipped_rows = torch.where((symmetry & 2) > 0, size - 1 - rows, rows)
    flipped_columns = torch.where((symmetry & 4) > 0, size - 1 - columns, columns)
    swapped = (symmetry & 1) > 0
    row = top + torch.where(swapped, flipped_columns, flipped_rows)
    column = left + torch.where(swapped, flipped_rows, flipped_columns)
    where = bank.starts[image] + row * bank.widths[image] + column
    return bank.pixels[where].permute(0, 3, 1, 2)
