"""What a head sees, told without colour alone: numbered label maps, best classes."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["IGNORED", "class_colours", "draw_best_classes", "draw_label_map"]

# Of Okabe and Ito, told apart by colour-blind readers; then the same, lighter.
OKABE_ITO = [
    (0, 114, 178),
    (230, 159, 0),
    (0, 158, 115),
    (204, 121, 167),
    (86, 180, 233),
    (213, 94, 0),
    (240, 228, 66),
    (90, 90, 90),
]
UNLABELLED = (255, 255, 255)
IGNORED = 255
# A patch whose inside has this radius, of the picture's width, holds its number.
ROOM = 0.03
NUMBER_STYLE = dict(size=7, ha="center", va="center")
NAME_WIDTH = 26  # letters


def class_colours(present: Sequence[int]) -> dict[int, tuple[int, int, int]]:
    """Colours for the classes that are shown; beyond 16 they repeat, numbers do not."""
    lighter = [tuple((c + 255) // 2 for c in colour) for colour in OKABE_ITO]
    colours = OKABE_ITO + lighter
    return {label: colours[i % len(colours)] for i, label in enumerate(present)}


def draw_label_map(
    axes: Axes, labels: np.ndarray, colours: dict[int, tuple[int, int, int]]
) -> None:
    """Draw (H, W) labels; each patch of some size carries its class's number.

    Args:
        axes: Where to draw.
        labels: Integers; 255 is no class and stays white.
        colours: From :func:`class_colours`.
    """
    picture = np.full((*labels.shape, 3), UNLABELLED, np.uint8)
    for label, colour in colours.items():
        picture[labels == label] = colour
    axes.imshow(picture, interpolation="nearest")
    for label, colour in colours.items():
        dark = np.dot(colour, (0.299, 0.587, 0.114)) < 140
        style = dict(NUMBER_STYLE, color="white" if dark else "black")
        for x, y in _patches(labels == label):
            axes.text(x, y, str(label), **style)


def _patches(mask: np.ndarray) -> list[tuple[int, int]]:
    """The innermost point (x, y) of each patch that has room for a number."""
    count, patches = cv2.connectedComponents(mask.astype(np.uint8))
    found = []
    for index in range(1, count):
        # The picture's border is a border of the patch, too.
        inside = np.pad((patches == index).astype(np.uint8), 1)
        depth = cv2.distanceTransform(inside, cv2.DIST_L2, 3)[1:-1, 1:-1]
        y, x = np.unravel_index(depth.argmax(), depth.shape)
        if depth[y, x] >= ROOM * mask.shape[1]:
            found.append((int(x), int(y)))
    return found


def draw_best_classes(
    axes: Axes, best: Sequence[tuple[str, float]], truth: str | None
) -> None:
    """Draw the classes of the highest scores as bars with their names.

    Args:
        axes: Where to draw.
        best: Name and score in [0, 1], the highest first.
        truth: The true class, which gets a tick.
    """
    for row, (name, score) in enumerate(best):
        axes.barh(-row, score, height=0.9, color="#56B4E9")
        tick = "✓ " if name == truth else ""
        text = f"{score:.0%} {tick}{name.split(',')[0]}"
        text = textwrap.fill(text, NAME_WIDTH)
        axes.text(0.02, -row, text, va="center", size=7, linespacing=0.9)
    axes.set_xlim(0, 1)
    axes.set_ylim(-len(best) + 0.5, 0.5)
