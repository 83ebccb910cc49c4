"""What a cascade in training makes of a few images, as one picture."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from mmengine.structures import BaseDataElement

from mmdenoise.evaluation.psnr_ssim import psnr, quantize

from .label_maps import label_map_of, overlay_labels
from .picture_grid import compose_panel, text_cell
from .predictions import best_classes, true_class, with_label_legend

__all__ = ["training_pictures"]

VERSIONS = ("noisy", "denoised", "clean")
PREDICTION, TRUTH = "prediction", "ground truth"
BEST = 3


def training_pictures(
    samples: Sequence[BaseDataElement], info: Mapping, width: int
) -> np.ndarray:
    """Draw noisy, denoised and clean images, a row each, and what the head sees.

    PSNR stands below; a label map lies over the denoised image, the true one over the
    clean one, in the data set's colours; of a classifier the three best classes and the
    true one are written. A column without anything is left out.

    Args:
        samples: What the cascade returned, with ``noisy``, ``denoised`` and, where
            there is one, ``clean``: (3, h, w), RGB in [0, 1].
        info: ``classes`` and ``palette`` of the data set.
        width: Of a column, in pixels. Images that are smaller are enlarged by a whole
            number, so that their pixels stay square.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    largest = max(sample.noisy.shape[-1] for sample in samples)
    width = largest * (width // largest) if largest <= width else width
    columns = {name: [_version(s, name) for s in samples] for name in VERSIONS}
    seen = [_seen(s, "pred", info, width) for s in samples]
    predicts = any(cell is not None for cell in seen)
    if predicts:
        columns[PREDICTION] = seen
        columns[TRUTH] = [_seen(s, "gt", info, width) for s in samples]
    shown = {
        name: cells
        for name, cells in columns.items()
        if any(cell is not None for cell in cells)
    }
    rows = []
    for index, sample in enumerate(samples):
        rows.append([cells[index] for cells in shown.values()])
        captions = [_caption(sample, name, width) for name in shown]
        if any(caption is not None for caption in captions):
            rows.append(captions)
    panel = compose_panel(list(shown), rows, width)
    if predicts:
        panel = with_label_legend(panel, samples, info, width)
    return np.asarray(panel)


def _version(sample: BaseDataElement, name: str) -> np.ndarray | None:
    image = sample.get(name)
    return None if image is None else quantize(image).permute(1, 2, 0).cpu().numpy()


def _seen(
    sample: BaseDataElement, prefix: str, info: Mapping, width: int
) -> np.ndarray | None:
    """The head's label map or best classes, or the true ones."""
    labels = label_map_of(sample, prefix)
    if labels is not None:
        image = _version(sample, "denoised" if prefix == "pred" else "clean")
        image = _version(sample, "denoised") if image is None else image
        return np.asarray(overlay_labels(image, labels, info.get("palette") or ()))
    classes = info.get("classes") or ()
    if prefix == "gt":
        name = true_class(sample, classes)
        return None if name is None else text_cell([name], width)
    best = best_classes(sample, classes, BEST)
    return text_cell([f"{name} {s:.0%}" for name, s in best], width) if best else None


def _caption(sample: BaseDataElement, name: str, width: int) -> np.ndarray | None:
    if name not in VERSIONS[:2] or sample.get("clean") is None:
        return None
    value = psnr(sample.get(name).cpu(), sample.clean.cpu())
    text = "PSNR exact" if math.isinf(value) else f"PSNR {value:.2f} dB"
    return text_cell([text], width)
