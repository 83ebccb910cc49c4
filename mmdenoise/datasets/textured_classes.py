"""A generated classification set of the segmentation set's materials.

Each picture is a window of a still life (``textured_shapes.py``) that one class mostly
fills: its label. So colour, light and outline say nothing here either, and a denoiser
trained in front of a segmentor of the one set meets the same textures in the other.

Shapes and units: images are (H, W, 3) RGB and masks (H, W), both uint8; lengths are in
pixels.
"""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Union

import numpy as np
from PIL import Image

from mmdenoise.datasets.generated_set import make_once
from mmdenoise.datasets.textured_shapes import CLASSES, generate_sample
from mmdenoise.datasets.textured_shapes import VERSION as SHAPES_VERSION

__all__ = ["CLASSES", "fullest_window", "make_class_dataset"]

VERSION = 1  # of the choice of windows; the still lifes have their own
SCALE = 3  # how much wider than a window a still life is
COVER = 0.6  # of a window by its class, at least


def fullest_window(mask: np.ndarray, label: int, size: int) -> tuple[float, int, int]:
    """Find the square window of which a class covers most.

    Args:
        mask: Indices into ``CLASSES``, (H, W).
        label: The class.
        size: Side of the window, at most H and W.

    Returns:
        The covered share of the window, its top row and its left column; of equals the
        first.
    """
    inside = (mask == label).astype(np.int64)
    sums = np.pad(inside, ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    totals = sums[size:, size:] - sums[:-size, size:]
    totals += sums[:-size, :-size] - sums[size:, :-size]
    top, left = np.unravel_index(totals.argmax(), totals.shape)
    return totals[top, left] / size**2, int(top), int(left)


def make_class_dataset(
    root: Union[str, Path],
    seed: int = 0,
    train: int = 60,
    val: int = 50,
    size: int = 48,
) -> Path:
    """Write the set in MMPretrain's layout, or reuse it where it is finished.

    ``train/*.png``, ``val/*.png``, ``meta/{train,val}.txt`` (a name and a label a line)
    and ``meta.json``. As for the segmentation set, ``root`` is whole or absent.

    Args:
        root: The set's own folder; its parents are made.
        seed: Another seed gives other pictures; the pictures of a class depend on the
            seed, the split and their number alone, so that a larger set begins with a
            smaller one.
        train: Number of training images of each class, at least 1.
        val: Number of validation images of each class, at least 1.
        size: Height and width in pixels, 32 to 512.

    Returns:
        ``root`` as a path.

    Raises:
        ValueError: If an argument is out of range.
        FileExistsError: If ``root`` holds another set or anything else.
    """
    counts = {"train": train, "val": val}
    if seed < 0 or min(counts.values()) < 1:
        raise ValueError(f"need seed >= 0 and counts >= 1, got {seed} and {counts}")
    if not 32 <= size <= 512:
        raise ValueError(f"size must be 32 to 512 pixels, got {size}")
    version = [SHAPES_VERSION, VERSION]
    meta = {"set": "classes", "version": version, "seed": seed, "size": size, **counts}
    files = {f"{split}/*.png": n * len(CLASSES) for split, n in counts.items()}
    return make_once(root, meta, files, lambda folder: _write(folder, meta, counts))


def _write(folder: Path, meta: dict, counts: dict) -> None:
    (folder / "meta").mkdir()
    for split_index, (split, count) in enumerate(counts.items()):
        (folder / split).mkdir()
        found = dict.fromkeys(CLASSES, 0)
        for label, window in _windows([meta["seed"], split_index], meta["size"]):
            name = CLASSES[label]
            if found[name] < count:
                path = folder / split / f"{name}_{found[name]:05d}.png"
                Image.fromarray(window).save(path)
                found[name] += 1
            if min(found.values()) == count:
                break
        lines = [
            f"{name}_{number:05d}.png {label}\n"
            for number in range(count)
            for label, name in enumerate(CLASSES)
        ]
        (folder / "meta" / f"{split}.txt").write_text("".join(lines), encoding="utf-8")


def _windows(seed: list[int], size: int) -> Iterator[tuple[int, np.ndarray]]:
    """Go through still lifes without end: labels and windows (size, size, 3)."""
    for number in itertools.count():
        rng = np.random.Generator(np.random.PCG64([*seed, number]))
        image, mask = generate_sample(rng, SCALE * size)
        for label in range(len(CLASSES)):
            cover, top, left = fullest_window(mask, label, size)
            if cover >= COVER:
                yield label, image[top : top + size, left : left + size]
