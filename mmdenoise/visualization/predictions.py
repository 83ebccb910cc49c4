"""What a head found in an image, in words and colours, by its data sample."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from mmengine.structures import BaseDataElement
from PIL import Image

from .label_maps import label_map_of
from .picture_grid import legend

__all__ = ["best_classes", "class_name", "true_class", "with_label_legend"]

LEGEND_LINE = 28  # pixels


def class_name(label: int, classes: Sequence[str]) -> str:
    """Name of a class; its number where it has none."""
    return classes[label] if 0 <= label < len(classes) else f"class {label}"


def best_classes(
    sample: BaseDataElement, classes: Sequence[str], count: int
) -> list[tuple[str, float]]:
    """Names and scores of a classifier's best classes, the highest first.

    Empty for a sample that holds no scores of classes.
    """
    scores = sample.get("pred_score")
    if not isinstance(scores, torch.Tensor) or scores.dim() != 1:
        return []
    values, places = scores.float().cpu().topk(min(count, len(scores)))
    found = zip(places.tolist(), values.tolist())
    return [(class_name(place, classes), value) for place, value in found]


def true_class(sample: BaseDataElement, classes: Sequence[str]) -> str | None:
    """Name of an image's one true class; None where it has none, or several."""
    label = sample.get("gt_label")
    if not isinstance(label, torch.Tensor) or label.numel() != 1:
        return None
    return class_name(int(label), classes)


def with_label_legend(
    panel: Image.Image, samples: Sequence[BaseDataElement], info: Mapping, width: int
) -> Image.Image:
    """Add one legend of the classes that occur in the samples' label maps.

    Args:
        panel: From :func:`mmdenoise.visualization.compose_panel`.
        samples: What is shown in it.
        info: ``classes`` and ``palette`` of the data set; without them, or without a
            label map, the panel comes back as it is.
        width: Of a column of the legend, in pixels.
    """
    maps = [label_map_of(s, prefix) for s in samples for prefix in ("pred", "gt")]
    present = {int(label) for m in maps if m is not None for label in np.unique(m)}
    classes, palette = info.get("classes") or (), info.get("palette") or ()
    shown = [n for n in sorted(present) if n < min(len(classes), len(palette))]
    if not shown:
        return panel
    # Side by side, as many as the panel is wide.
    count = -(-len(shown) // max(panel.width // width, 1))
    blocks = [shown[first : first + count] for first in range(0, len(shown), count)]
    size = (panel.width, panel.height + LEGEND_LINE * count)
    whole = Image.new("RGB", size, (255, 255, 255))
    whole.paste(panel, (0, 0))
    for column, block in enumerate(blocks):
        names, colours = [classes[n] for n in block], [palette[n] for n in block]
        key = legend(names, colours, width, LEGEND_LINE * len(block))
        whole.paste(Image.fromarray(key), (column * width, panel.height))
    return whole
