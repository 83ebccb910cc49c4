"""Groups of similar patches of one image.

Shapes: G groups, one for each reference patch, M patches in a group. A patch is named
by its position: the index of its first pixel in a channel's H * W pixels, row by row.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["match_patches", "patch_pixels", "reference_starts"]

# Rows of reference patches whose distances are held at a time, to bound the memory.
STRIP = 8


def patch_pixels(channels: int, height: int, width: int, patch: int) -> Tensor:
    """Where the pixels of the patch at position 0 are in a flat (C, H, W) image.

    Returns:
        (C * patch * patch,) int64, channel by channel, each row by row. Those of
        another patch are its position away.
    """
    channel, row, column = map(torch.arange, (channels, patch, patch))
    pixels = channel[:, None, None] * height * width + row[:, None] * width + column
    return pixels.flatten()


def reference_starts(length: int, patch: int, step: int) -> Tensor:
    """Where reference patches begin along a side, so that they cover all of it.

    Every ``step`` pixels, then at each pixel that is left behind the last full step,
    as in the authors' release of MCWNNM.
    """
    last = length - patch
    regular = range(0, last + 1, step)
    return torch.tensor([*regular, *range(regular[-1] + 1, last + 1)])


def match_patches(
    image: Tensor, patch: int, step: int, radius: int, size: int
) -> Tensor:
    """Find the patches that are most similar to each reference patch.

    The distance is the sum of squared differences over all channels. One offset at a
    time is tried for all references: the image is shifted as a whole.

    Args:
        image: (C, H, W) float, H and W not below ``patch``.
        patch: Side of a patch in pixels.
        step: From one reference patch to the next in pixels, at most ``patch``.
        radius: How far a similar patch may be along either side in pixels.
        size: Patches in a group (M), the reference among them. Where some reference
            sees fewer, all groups have as many as the poorest.

    Returns:
        Positions (G, M), int64: the reference itself, then the nearest first.
    """
    height, width = image.shape[-2:]
    tall, wide = height - patch + 1, width - patch + 1
    size = min(size, min(radius + 1, tall) * min(radius + 1, wide))
    padded = F.pad(image, (radius, radius, radius, radius))
    columns = reference_starts(width, patch, step).to(image.device)
    column_sums = _window_sums(columns, width, patch).to(image).t()
    offsets = torch.arange(-radius, radius + 1, device=image.device)
    steps = (offsets[:, None] * width + offsets).flatten()
    groups = []
    for rows in reference_starts(height, patch, step).to(image.device).split(STRIP):
        top, bottom = int(rows[0]), int(rows[-1]) + patch
        row_sums = _window_sums(rows - top, bottom - top, patch).to(image)
        distance = image.new_empty(len(offsets), len(offsets), len(rows), len(columns))
        for i in range(len(offsets)):
            strip = padded[:, top + i : bottom + i]
            for j in range(len(offsets)):
                shifted = strip[:, :, j : j + width]
                square = (shifted - image[:, top:bottom]).square_().sum(0)
                distance[i, j] = row_sums @ square @ column_sums
        outside = _outside(offsets, rows, tall)[:, None, :, None]
        outside = outside | _outside(offsets, columns, wide)[None, :, None, :]
        distance.masked_fill_(outside, torch.inf)
        # The reference is of its group even where many others are equal to it:
        # otherwise a pixel could be in no group at all.
        distance[radius, radius] = -1
        nearest = distance.flatten(2).flatten(0, 1).t().topk(size, largest=False)
        positions = (rows[:, None] * width + columns).flatten()
        groups.append(positions[:, None] + steps[nearest.indices])
    return torch.cat(groups)


def _window_sums(starts: Tensor, length: int, patch: int) -> Tensor:
    """The (len(starts), length) matrix that sums ``patch`` values from each start."""
    behind = torch.arange(length, device=starts.device) - starts[:, None]
    return (behind >= 0) & (behind < patch)


def _outside(offsets: Tensor, starts: Tensor, limit: int) -> Tensor:
    """Whether each offset leads from each start to no patch: (offsets, starts)."""
    there = offsets[:, None] + starts
    return (there < 0) | (there >= limit)
