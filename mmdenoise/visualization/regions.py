"""Regions of a picture to look at closely, and where methods differ most."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor

__all__ = ["Region", "checked_region", "most_different"]

# Of the picture's shorter side, and at least so many pixels.
SHARE, LEAST = 0.25, 16


class Region(NamedTuple):
    """A rectangle in pixels.

    Attributes:
        x: Its first column.
        y: Its first row.
        width: Columns.
        height: Rows.
    """

    x: int
    y: int
    width: int
    height: int

    def cut(self, picture):
        """Cut (H, W, ...) to the region."""
        return picture[self.y : self.y + self.height, self.x : self.x + self.width]


def checked_region(given: Sequence[int], height: int, width: int) -> Region:
    """Check a region that a user gave.

    Raises:
        ValueError: If it is empty or does not lie in a picture of that size.
    """
    region = Region(*given)
    if min(region.width, region.height) < 1 or not (
        0 <= region.x <= width - region.width
        and 0 <= region.y <= height - region.height
    ):
        raise ValueError(
            f"the region x={region.x} y={region.y} {region.width}x{region.height} "
            f"(width x height) does not lie in the picture of {width}x{height}"
        )
    return region


def most_different(images: Sequence[Tensor]) -> Region:
    """Find the square where two of several images differ most.

    Its side is a quarter of the picture's shorter one. What counts is the mean squared
    difference over the square, the largest over all pairs and places.

    Args:
        images: At least two of shape (3, H, W), RGB in [0, 1].
    """
    height, width = images[0].shape[-2:]
    side = min(max(round(SHARE * min(height, width)), LEAST), height, width)
    best, place = -1.0, 0
    for one, other in combinations(images, 2):
        difference = (one.clamp(0, 1) - other.clamp(0, 1)).square().sum(0)
        means = F.avg_pool2d(difference[None].double(), side, stride=1)[0]
        if means.max() > best:
            best, place = means.max().item(), int(means.argmax())
    columns = width - side + 1
    return Region(place % columns, place // columns, side, side)
