"""Find and colour the label map in a data sample, whatever its task calls it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from mmengine.structures import BaseDataElement, PixelData
from PIL import Image

__all__ = ["colour_labels", "colour_table", "label_map_of", "overlay_labels"]


def label_map_of(sample: BaseDataElement, prefix: str) -> np.ndarray | None:
    """Return a sample's map of integers whose field name starts with ``prefix``.

    Args:
        sample: Data sample of any host.
        prefix: ``'pred'`` or ``'gt'``.

    Returns:
        (H, W) integers, or None where the sample has no such field (a classifier's).
    """
    for name, field in sample.all_items():
        if name.startswith(prefix) and isinstance(field, PixelData):
            data = field.data.squeeze(0).cpu().numpy()
            if data.ndim == 2 and np.issubdtype(data.dtype, np.integer):
                return data
    return None


def colour_labels(labels: np.ndarray, palette: Sequence) -> np.ndarray:
    """Paint (H, W) labels as (H, W, 3) uint8; what has no colour (255) is white."""
    table = colour_table(palette)
    # White comes last, for whatever is beyond the table.
    table = np.concatenate([table, np.full((1, 3), 255, np.uint8)])
    known = (labels >= 0) & (labels < len(table))
    return table[np.where(known, labels, -1)]


def colour_table(palette: Sequence) -> np.ndarray:
    """Continue a palette to 256 colours with white: (256 or more, 3) uint8."""
    colours = np.full((max(256, len(palette)), 3), 255, np.uint8)
    if len(palette):
        colours[: len(palette)] = palette
    return colours


def overlay_labels(
    image: np.ndarray, labels: np.ndarray, palette: Sequence
) -> Image.Image:
    """Lay painted labels over their image, (H, W, 3) uint8 RGB, half and half.

    Labels of another size are scaled to the image's.
    """
    front = Image.fromarray(colour_labels(labels, palette))
    front = front.resize(image.shape[1::-1], Image.Resampling.NEAREST)
    return Image.blend(Image.fromarray(image), front, 0.5)
