"""What a cascade made of an image, as files."""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np
import torch
from mmengine.structures import BaseDataElement, PixelData
from PIL import Image

from mmdenoise.atomic_files import atomic_path
from mmdenoise.evaluation.psnr_ssim import quantize
from mmdenoise.visualization import colour_table, label_map_of, overlay_labels
from mmdenoise.visualization.predictions import class_name

__all__ = ["KINDS", "write_prediction"]

KINDS = (
    *("_denoised.png", "_labels.png", "_overlay.png", "_prediction.json"),
    *("_map.npy", "_map.png"),
)
BYTE = 256
SHOWN = 3


def write_prediction(sample: BaseDataElement, stem: str, info: Mapping) -> str:
    """Write what a :class:`mmdenoise.apis.predict.Predictor` returned.

    * ``STEM_denoised.png``, at the size at which the network saw it;
    * of a label map ``STEM_labels.png`` (indices, with the data set's colours; 16 bits
      for more than 256 classes), ``STEM_overlay.png``, and the classes that occur, with
      their names and shares, in ``STEM_prediction.json``;
    * of labels and scores ``STEM_prediction.json``, with the classes' names;
    * of a map of numbers, depths for instance, ``STEM_map.npy`` and a picture of it.

    As MMSegmentation writes them, labels of a set with ``reduce_zero_label`` are those
    of its files: one more than the head's.

    Args:
        sample: The prediction.
        stem: Path of the files, up to what they are.
        info: Of :func:`mmdenoise.apis.test_set_info.info_of_test_set`.

    Returns:
        What the head saw, in a few words.
    """
    denoised = quantize(sample.denoised).permute(1, 2, 0).cpu().numpy()
    _save(Image.fromarray(denoised), stem + "_denoised.png")
    labels = label_map_of(sample, "pred")
    if labels is not None:
        return _write_labels(labels, denoised, _classes_of(sample), stem, info)
    numbers = {
        key: value.cpu().tolist()
        for key, value in sample.all_items()
        if key.startswith("pred") and isinstance(value, torch.Tensor)
    }
    if numbers:
        return _write_numbers(numbers, stem, info)
    for key, field in sample.all_items():
        if key.startswith("pred") and isinstance(field, PixelData):
            return _write_map(field.data.squeeze(0).cpu().numpy(), key, stem)
    return "denoised"


def _write_labels(
    labels: np.ndarray, image: np.ndarray, classes: int, stem: str, info: Mapping
) -> str:
    palette = [tuple(colour) for colour in info.get("palette") or ()]
    names = list(info.get("classes") or ())
    _save(overlay_labels(image, labels, palette), stem + "_overlay.png")
    shift = 1 if info.get("reduce_zero_label") else 0
    wide = max(classes, len(names), int(labels.max()) + 1) + shift > BYTE
    if wide:
        picture = Image.fromarray((labels + shift).astype(np.uint16))
    else:
        picture = Image.fromarray((labels + shift).astype(np.uint8))
        # All 256: Pillow stores indices in no more bits than a palette's length takes.
        table = colour_table([(255, 255, 255)] * shift + palette)[:BYTE]
        picture.putpalette(table.reshape(-1).tolist())
    _save(picture, stem + "_labels.png")
    values, counts = np.unique(labels, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    found = [
        dict(
            label=int(values[i]) + shift,
            name=class_name(int(values[i]), names),
            share=counts[i] / labels.size,
        )
        for i in order
    ]
    _save_json(dict(classes=found), stem + "_prediction.json")
    shown = [f"{one['name']} {100 * one['share']:.0f}%" for one in found[:SHOWN]]
    return ", ".join(shown)


def _write_numbers(numbers: dict, stem: str, info: Mapping) -> str:
    names = list(info.get("classes") or ())
    labels, scores = numbers.get("pred_label"), numbers.get("pred_score")
    seen = "predicted"
    if isinstance(labels, list) and all(isinstance(n, int) for n in labels):
        numbers["pred_class"] = [class_name(label, names) for label in labels]
        seen = ", ".join(
            name + (f" {100 * scores[label]:.0f}%" if scores else "")
            for name, label in zip(numbers["pred_class"], labels)
        )
    _save_json(numbers, stem + "_prediction.json")
    return seen or "no class"


def _write_map(values: np.ndarray, key: str, stem: str) -> str:
    with atomic_path(stem + "_map.npy") as path:
        np.save(path, values.astype(np.float32))
    low, high = float(values.min()), float(values.max())
    if values.ndim == 2:
        grey = (values - low) / max(high - low, np.finfo(np.float32).tiny) * 255
        picture = Image.fromarray(grey.round().astype(np.uint8))
        _save(picture, stem + "_map.png")
    return f"{key.removeprefix('pred_')} from {low:.4g} to {high:.4g}"


def _classes_of(sample: BaseDataElement) -> int:
    """How many classes the head tells apart, where it gives a score for each."""
    logits = sample.get("seg_logits")
    return logits.data.shape[0] if isinstance(logits, PixelData) else 0


def _save(picture: Image.Image, path: str) -> None:
    with atomic_path(path) as temporary:
        picture.save(temporary)


def _save_json(content: dict, path: str) -> None:
    with atomic_path(path) as temporary:
        with open(temporary, "w", encoding="utf-8") as file:
            json.dump(content, file, ensure_ascii=False)
