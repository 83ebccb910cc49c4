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
    text_cell,
)
from mmdenoise.visualization.predictions import class_name, with_label_legend

__all__ = ["check_images", "draw_panel"]

CELL_WIDTH = 256


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
    shown = [sample for own in samples.values() for sample in own]
    return with_label_legend(panel, shown, info, CELL_WIDTH)


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
        share = "" if scores is None else f" {100 * float(scores[label]):.0f}%"
        lines.append(f"{class_name(label, names)}{share}")
    return text_cell(lines, CELL_WIDTH)
