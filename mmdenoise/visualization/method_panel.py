"""Methods side by side: pictures, a region of each, and what a head sees below.

Sizes are in inches and places computed, so that no text is cut or overlaps.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from .class_views import IGNORED, class_colours, draw_best_classes, draw_label_map
from .regions import Region

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Block", "Cell", "draw_method_panel", "figure_pixels"]

CELL = 2.1  # width of a picture
GAP, MARGIN, BLOCK_GAP = 0.06, 0.08, 0.16
CAPTION, TITLE_LINE = 0.2, 0.17
LEGEND_LINE, LEGEND_PADDING = 0.17, 0.08
# Of an entry of the legend: its patch and the space after it, and each letter.
LEGEND_PATCH, LEGEND_LETTER = 0.62, 0.07
CLASS_LINE, BEST = 0.3, 3
TITLE_WIDTH = 24  # letters


@dataclass
class Cell:
    """One version of an image.

    Attributes:
        picture: (H, W, 3) uint8 RGB; None for what has no picture.
        caption: A line below it.
        labels: (h, w) label map of the head; 255 is no class.
        best: Names and scores of the head's best classes, the highest first.
    """

    picture: np.ndarray | None = None
    caption: str = ""
    labels: np.ndarray | None = None
    best: Sequence[tuple[str, float]] = ()


@dataclass
class Block:
    """One image.

    Attributes:
        cells: Its versions by the column's title.
        region: What is shown enlarged; None for nothing.
        truth: Name of its true class, where it has one.
    """

    cells: Mapping[str, Cell]
    region: Region | None = None
    truth: str | None = None
    heights: dict[str, float] = field(init=False)

    def __post_init__(self) -> None:
        cells = self.cells.values()
        picture = next(c.picture for c in cells if c.picture is not None)
        whole = CELL * picture.shape[0] / picture.shape[1]
        self.heights = dict(picture=whole)
        if any(cell.caption for cell in cells):
            self.heights["caption"] = CAPTION
        if self.region is not None:
            self.heights["inset"] = CELL * self.region.height / self.region.width
        if any(cell.labels is not None for cell in cells):
            self.heights["labels"] = whole
        if any(cell.best for cell in cells):
            self.heights["best"] = CLASS_LINE * BEST


def draw_method_panel(
    blocks: Sequence[Block],
    classes: Sequence[str] = (),
    dpi: int = 150,
    beside: Sequence[Block] = (),
) -> Figure:
    """Draw images, one below the other, a column a method.

    Args:
        blocks: The images, all with the same columns.
        classes: Names of the classes in the label maps, for the legend.
        dpi: Pixels an inch.
        beside: Images of panels that are shown beside this one: a class then has one
            colour, and one line of the legend, in all of them.
    """
    # Not pyplot, which keeps figures and asks for a display.
    from matplotlib.figure import Figure

    titles = [textwrap.fill(title, TITLE_WIDTH) for title in blocks[0].cells]
    head = TITLE_LINE * max(title.count("\n") + 1 for title in titles) + GAP
    shown = _classes_in([*blocks, *beside], classes)
    width = 2 * MARGIN + len(titles) * (CELL + GAP) - GAP
    names = _legend_names(shown, classes, width)
    longest = max((len(line) for name in names for line in name.split("\n")), default=0)
    columns = max(1, int(width / (LEGEND_PATCH + LEGEND_LETTER * longest)))
    lines = max((name.count("\n") + 1 for name in names), default=0)
    foot = LEGEND_LINE * lines * math.ceil(len(names) / columns)
    foot += LEGEND_PADDING if shown else 0
    parts = [tall + GAP for block in blocks for tall in block.heights.values()]
    body = sum(parts) + BLOCK_GAP * len(blocks)
    height = 2 * MARGIN + head + body + foot
    figure = Figure(figsize=(width, height), dpi=dpi)
    page = _Page(figure, width, height)
    for column, title in enumerate(titles):
        x = MARGIN + column * (CELL + GAP) + CELL / 2
        style = dict(ha="center", va="center", size=9, weight="bold")
        page.text(x, MARGIN + head / 2, title, **style)
    top = MARGIN + head
    for block in blocks:
        for part, tall in block.heights.items():
            for column, cell in enumerate(block.cells.values()):
                box = (MARGIN + column * (CELL + GAP), top, CELL, tall)
                PARTS[part](page, box, cell, block, shown)
            top += tall + GAP
        top += BLOCK_GAP
    if shown:
        _draw_legend(figure, names, list(shown.values()), columns)
    return figure


def figure_pixels(figure: Figure) -> np.ndarray:
    """Draw a figure into memory, (H, W, 3) uint8 RGB."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


class _Page:
    """A figure whose places are inches from the upper left.

    Args:
        figure: The figure.
        width: Its width.
        height: Its height.
    """

    def __init__(self, figure: Figure, width: float, height: float) -> None:
        self.figure, self.width, self.height = figure, width, height

    def text(self, x: float, y: float, text: str, **style) -> None:
        self.figure.text(x / self.width, 1 - y / self.height, text, **style)

    def axes(self, box: tuple[float, float, float, float]) -> Axes:
        x, y, width, height = box
        place = (x / self.width, 1 - (y + height) / self.height)
        size = (width / self.width, height / self.height)
        axes = self.figure.add_axes((*place, *size))
        axes.set(xticks=[], yticks=[])
        return axes


def _draw_picture(page: _Page, box: tuple, cell: Cell, block: Block, shown) -> None:
    if cell.picture is None:
        return
    axes = page.axes(box)
    axes.imshow(cell.picture, interpolation="antialiased")
    if block.region is not None:
        from matplotlib.patches import Rectangle

        x, y, width, height = block.region
        # Black on white shows on every picture.
        for colour, thick in (("white", 2.4), ("black", 1.0)):
            style = dict(fill=False, edgecolor=colour, linewidth=thick)
            axes.add_patch(Rectangle((x - 0.5, y - 0.5), width, height, **style))


def _draw_caption(page: _Page, box: tuple, cell: Cell, block: Block, shown) -> None:
    x, y, width, height = box
    style = dict(ha="center", va="center", size=7.5)
    page.text(x + width / 2, y + height / 2, cell.caption, **style)


def _draw_inset(page: _Page, box: tuple, cell: Cell, block: Block, shown) -> None:
    if cell.picture is not None:
        page.axes(box).imshow(block.region.cut(cell.picture), interpolation="nearest")


def _draw_labels(page: _Page, box: tuple, cell: Cell, block: Block, shown) -> None:
    if cell.labels is not None:
        axes = page.axes(box)
        draw_label_map(axes, cell.labels, shown)
        axes.set_aspect("auto")


def _draw_best(page: _Page, box: tuple, cell: Cell, block: Block, shown) -> None:
    if cell.best:
        draw_best_classes(page.axes(box), cell.best, block.truth)


PARTS = dict(
    picture=_draw_picture,
    caption=_draw_caption,
    inset=_draw_inset,
    labels=_draw_labels,
    best=_draw_best,
)


def _classes_in(
    blocks: Sequence[Block], classes: Sequence[str]
) -> dict[int, tuple[int, int, int]]:
    maps = [c.labels for b in blocks for c in b.cells.values() if c.labels is not None]
    present = {int(label) for labels in maps for label in np.unique(labels)}
    # With so many classes it is one of them.
    if len(classes) <= IGNORED:
        present.discard(IGNORED)
    return class_colours(sorted(present))


def _legend_names(
    shown: Mapping[int, tuple[int, int, int]], classes: Sequence[str], width: float
) -> list[str]:
    """Number and name of each class, in lines that fit into the figure."""
    letters = int((width - LEGEND_PATCH) / LEGEND_LETTER)
    names = [
        f"{label} {classes[label]}" if label < len(classes) else str(label)
        for label in shown
    ]
    return [textwrap.fill(name, letters) for name in names]


def _draw_legend(
    figure: Figure,
    names: Sequence[str],
    colours: Sequence[tuple[int, int, int]],
    columns: int,
) -> None:
    from matplotlib.patches import Patch

    faces = [tuple(part / 255 for part in colour) for colour in colours]
    handles = [
        Patch(facecolor=face, edgecolor="black", label=name)
        for face, name in zip(faces, names)
    ]
    figure.legend(
        handles=handles,
        loc="lower center",
        ncols=min(columns, len(handles)),
        frameon=False,
        fontsize=8,
        borderaxespad=0.1,
    )
