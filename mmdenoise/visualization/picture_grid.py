"""A grid of pictures with titles, to compare methods by eye."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

__all__ = ["compose_panel", "legend", "text_cell"]

GAP = 6
TEXT = 14
INK = (32, 32, 32)


def _font(size: int) -> ImageFont.ImageFont:
    return ImageFont.load_default(size=size)


def compose_panel(
    titles: Sequence[str],
    rows: Sequence[Sequence[np.ndarray | None]],
    cell_width: int = 256,
) -> Image.Image:
    """Lay pictures out in columns under titles.

    Args:
        titles: One a column.
        rows: Rows of (H, W, 3) uint8 RGB pictures, one a column; None leaves a gap.
            Pictures of a row share its height.
        cell_width: Width in pixels to which each picture is scaled; whole multiples
            keep the pixels square and sharp.
    """
    title_height = TEXT + 2 * GAP
    tall = [max(_height(cell, cell_width) for cell in row) for row in rows]
    width = len(titles) * (cell_width + GAP) + GAP
    height = title_height + sum(tall) + GAP * (len(rows) + 1)
    canvas = Image.new("RGB", (width, height), (255, 255, 255))
    draw = ImageDraw.Draw(canvas)
    for column, title in enumerate(titles):
        x = GAP + column * (cell_width + GAP) + cell_width // 2
        draw.text((x, title_height // 2 + 2), title, INK, _font(TEXT), anchor="mm")
    y = title_height + GAP
    for row, row_height in zip(rows, tall):
        for column, cell in enumerate(row):
            if cell is not None:
                x = GAP + column * (cell_width + GAP)
                canvas.paste(_scaled(cell, cell_width), (x, y))
        y += row_height + GAP
    return canvas


def legend(
    classes: Sequence[str], palette: Sequence, width: int, height: int
) -> np.ndarray:
    """Draw the classes' names beside their colours, (height, width, 3) uint8."""
    canvas = Image.new("RGB", (width, height), (255, 255, 255))
    draw = ImageDraw.Draw(canvas)
    line = min(height // max(len(classes), 1), 2 * TEXT)
    for index, (name, colour) in enumerate(zip(classes, palette)):
        top = index * line
        box = [GAP, top + 2, GAP + line - 4, top + line - 2]
        draw.rectangle(box, fill=tuple(colour), outline=INK)
        place = (GAP + line + 2, top + line // 2)
        draw.text(place, name, INK, _font(max(8, min(TEXT, line - 4))), anchor="lm")
    return np.asarray(canvas)


def text_cell(lines: Sequence[str], width: int) -> np.ndarray:
    """Write lines below each other, centred, (H, ``width``, 3) uint8.

    What is too long for the width ends in an ellipsis.
    """
    height = len(lines) * (TEXT + GAP) + GAP
    canvas = Image.new("RGB", (width, height), (255, 255, 255))
    draw = ImageDraw.Draw(canvas)
    for index, text in enumerate(lines):
        shown = text
        while draw.textlength(shown, _font(TEXT)) > width - 2 * GAP and len(text) > 1:
            text = text[:-1]
            shown = text.rstrip() + "…"
        place = (width // 2, GAP + index * (TEXT + GAP) + TEXT // 2)
        draw.text(place, shown, INK, _font(TEXT), anchor="mm")
    return np.asarray(canvas)


def _height(cell: np.ndarray | None, width: int) -> int:
    return 0 if cell is None else round(cell.shape[0] * width / cell.shape[1])


def _scaled(cell: np.ndarray, width: int) -> Image.Image:
    image = Image.fromarray(cell)
    enlarge = width >= cell.shape[1]
    resample = Image.Resampling.NEAREST if enlarge else Image.Resampling.LANCZOS
    return image.resize((width, _height(cell, width)), resample)
