"""The panel of a comparison: what each method makes of some test images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from mmengine.structures import BaseDataElement
from PIL import Image

from mmdenoise.evaluation.decoded_images import DecodedImages
from mmdenoise.evaluation.kept_cells import Cell, merged
from mmdenoise.evaluation.psnr_ssim import quantize
from mmdenoise.registry import MODELS
from mmdenoise.visualization import (
    colour_labels,
    compose_panel,
    label_map_of,
    legend,
    text_cell,
)

__all__ = ["check_images", "draw_panel"]

CELL_WIDTH = 256
LEGEND_LINE = 28


def check_images(dataset: object, images: Sequence[int]) -> None:
    """Refuse indices that a test set does not have.

    Raises:
        IndexError: Naming the index and the indices there are.
    """
    for index in images:
        if not 0 <= index < len(dataset):
            raise IndexError(
                f"there is no test image {index}: the {len(dataset)} of this test set "
                f"have the numbers 0 to {len(dataset) - 1}"
            )


def draw_panel(
    cfg: Config,
    dataset: DecodedImages,
    cells: Sequence[Cell],
    images: Sequence[int],
    maps_only: bool = False,
) -> Image.Image:
    """Draw what each method makes of some test images, over what the head sees in it.

    A column is a method, then comes the truth. Under each picture stands the head's
    label map, or its best class; one legend of all classes that occur ends the panel.

    Args:
        cfg: Config of a cascade.
        dataset: Its test set.
        cells: What is drawn, a column each.
        images: Indices into the test set.
        maps_only: Draw what the head sees and the legend alone.
    """
    init_default_scope(cfg.get("default_scope", "mmengine"))
    info = dataset.metainfo
    samples = {index: [] for index in images}
    for cell in cells:
        model = MODELS.build(merged(cfg, cell).model).eval()
        for index in images:
            with torch.no_grad():
                item = pseudo_collate([dataset[index]])
                samples[index] += model.test_step(item)
    rows = []
    for own in samples.values():
        pictures = [quantize(s.denoised).permute(1, 2, 0).numpy() for s in own]
        seen = [_seen(sample, "pred", info) for sample in own]
        truth = _seen(own[0], "gt", info)
        rows += [] if maps_only else [[*pictures, None]]
        rows.append([*seen, None if maps_only else truth])
    titles = [*(cell.name for cell in cells), "ground truth"]
    if maps_only:
        titles, rows = titles[:-1], [row[:-1] for row in rows]
    panel = compose_panel(titles, rows, CELL_WIDTH)
    return _with_legend(panel, [s for own in samples.values() for s in own], info)


def _seen(sample: BaseDataElement, prefix: str, info: Mapping) -> np.ndarray | None:
    """Picture of a prediction, or of the truth: its label map, or its class."""
    labels = label_map_of(sample, prefix)
    if labels is not None:
        return colour_labels(labels, info.get("palette") or ())
    found = sample.get(f"{prefix}_label")
    if found is None:
        return None
    scores = sample.get(f"{prefix}_score")
    names = info.get("classes") or ()
    lines = []
    for label in torch.as_tensor(found).flatten().tolist():
        name = names[label] if label < len(names) else f"class {label}"
        share = "" if scores is None else f" {100 * float(scores[label]):.0f}%"
        lines.append(f"{name}{share}")
    return text_cell(lines, CELL_WIDTH)


def _with_legend(
    panel: Image.Image, samples: Sequence[BaseDataElement], info: Mapping
) -> Image.Image:
    """Add one legend of the classes that occur in label maps."""
    maps = [label_map_of(s, prefix) for s in samples for prefix in ("pred", "gt")]
    present = {int(label) for m in maps if m is not None for label in np.unique(m)}
    classes, palette = info.get("classes") or (), info.get("palette") or ()
    shown = [n for n in sorted(present) if n < min(len(classes), len(palette))]
    if not shown:
        return panel
    # Side by side, as many as the panel is wide.
    count = -(-len(shown) // max(panel.width // CELL_WIDTH, 1))
    blocks = [shown[first : first + count] for first in range(0, len(shown), count)]
    whole = Image.new(
        "RGB", (panel.width, panel.height + LEGEND_LINE * count), (255, 255, 255)
    )
    whole.paste(panel, (0, 0))
    for column, block in enumerate(blocks):
        names, colours = [classes[n] for n in block], [palette[n] for n in block]
        key = legend(names, colours, CELL_WIDTH, LEGEND_LINE * len(block))
        whole.paste(Image.fromarray(key), (column * CELL_WIDTH, panel.height))
    return whole
