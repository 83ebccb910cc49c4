"""A generated segmentation set in VOC's layout, whose class evidence is fine texture.

Each picture is a still life: a few soft, shaded things of one material each, before a
wall and a table. Colour, outline, size and light are drawn alike for every class, and
every texture has mean 0 and variance 1 before it is scaled: what tells the classes
apart is the structure within a period of a few pixels. Noise hides that structure, and
so does a denoiser that smooths it away.

Shapes and units: images are (H, W, 3) RGB and masks (H, W), both uint8; within this
module light is float64 in [0, 1], and lengths are in pixels.
"""

import math
from pathlib import Path
from typing import Union

import numpy as np
from PIL import Image

from mmdenoise.datasets.generated_set import make_once
from mmdenoise.datasets.materials import material_texture

__all__ = ["CLASSES", "IGNORE", "PALETTE", "generate_sample", "make_voc_dataset"]

CLASSES = ("background", "fabric", "corduroy", "brick", "scales", "stone")
PALETTE = (
    (38, 40, 52),
    (236, 112, 99),
    (244, 190, 84),
    (94, 176, 128),
    (84, 153, 222),
    (172, 122, 206),
)
IGNORE = 255
VERSION = 1  # of the pictures: raise it when a change alters a single byte of them
# Standard deviations, on images in [0, 1], of a thing's texture and of film grain.
CONTRAST = (0.05, 0.13)
GRAIN = (0.0, 0.02)

Rng = np.random.Generator


def _colour(rng: Rng) -> np.ndarray:
    """A random colour (3,) that leaves room for shading, texture and its sign."""
    hue = 2 * math.pi * rng.random() + np.array([0.0, 2.0, 4.0]) * math.pi / 3
    return rng.uniform(0.4, 0.62) + rng.uniform(0.04, 0.18) * np.cos(hue)


def _depth(x: np.ndarray, y: np.ndarray, radius: float, rng: Rng) -> np.ndarray:
    """How deep inside a smooth random outline: 1 at its centre, 0 on it, then < 0."""
    distance = np.hypot(x, y)
    towards = (x + 1j * y) / np.maximum(distance, 1e-9)
    outline = np.ones_like(x)
    for lobes in (2, 3, 4):
        swing, phase = rng.uniform(0.0, 0.44 / lobes), rng.uniform(0, 2 * math.pi)
        turn = complex(math.cos(phase), math.sin(phase))
        outline += swing * (towards**lobes * turn).real
    return 1.0 - distance / (radius * outline)


def _room(x: np.ndarray, y: np.ndarray, rng: Rng) -> np.ndarray:
    """Wall and table, (H, W, 3), each with its colour and a gentle gradient."""
    height, width = x.shape
    tilt = rng.uniform(-0.08, 0.08)
    horizon = height * rng.uniform(0.3, 0.55) + tilt * (x - width / 2)
    table = np.clip(y - horizon + 0.5, 0.0, 1.0)[..., None]
    glow = np.hypot(x / width - rng.random(), y / height - 0.2)[..., None]
    wall = _colour(rng) * (1.1 - 0.25 * glow)
    top = _colour(rng) * (0.85 + 0.3 * y / height)[..., None]
    return wall + table * (top - wall)


def _shadow(inside: np.ndarray, light: np.ndarray, size: int) -> np.ndarray:
    """A thing's soft shadow, (H, W) in [0, 1], moved away from the light.

    Args:
        inside: How far a pixel lies inside the thing, in pixels.
        light: Direction to the light, of length 1.
        size: Height and width of the picture.
    """
    shadow = np.clip(0.5 + inside / (0.14 * size), 0.0, 1.0)
    shadow = shadow * shadow * (3.0 - 2.0 * shadow)
    right, down = np.rint(-light * 0.12 * size).astype(int)
    along = np.clip(np.arange(size) - down, 0, size - 1)
    across = np.clip(np.arange(size) - right, 0, size - 1)
    return shadow[np.ix_(along, across)]


def generate_sample(
    rng: Union[int, Rng], size: int = 96
) -> tuple[np.ndarray, np.ndarray]:
    """Draw one still life and its label map.

    Args:
        rng: A NumPy generator, or a seed for one.
        size: Height and width in pixels, at least 32. Things grow with the picture,
            textures do not.

    Returns:
        The image, (size, size, 3) uint8 RGB, and the mask, (size, size) uint8: indices
        into ``CLASSES``, and ``IGNORE`` along every border, as in VOC.

    Raises:
        ValueError: If ``size`` is below 32.
    """
    if size < 32:
        raise ValueError(f"size must be at least 32 pixels, got {size}")
    if not isinstance(rng, Rng):
        rng = Rng(np.random.PCG64(rng))
    y, x = np.mgrid[0:size, 0:size].astype(np.float64)
    picture = _room(x, y, rng)
    things = np.zeros((size, size), dtype=np.int64)  # which thing a pixel shows
    labels = [0]
    light_angle = rng.uniform(-0.8, 0.8) - math.pi / 2
    light = np.array([math.cos(light_angle), math.sin(light_angle)])

    count = int(rng.integers(3, 6))
    kinds = rng.permutation(len(CLASSES) - 1)[:count] + 1
    # What stands lower stands nearer, and hides what is behind it.
    centres_y = np.sort(rng.uniform(0.2, 0.85, count)) * size
    # Spread from left to right, in an order of its own.
    columns = (rng.permutation(count) + rng.uniform(0.15, 0.85, count)) / count
    for index in range(count):
        radius = size * rng.uniform(0.16, 0.26)
        centre_x, centre_y = columns[index] * size, centres_y[index]
        depth = _depth(x - centre_x, y - centre_y, radius, rng)
        picture *= 1.0 - 0.35 * _shadow(depth * radius, light, size)[..., None]

        cover = np.clip(depth * radius + 0.5, 0.0, 1.0)  # smooth over a pixel
        box = np.ix_(cover.any(axis=1), cover.any(axis=0))
        # Rounded like a cushion: the light comes from one side and from above.
        inside = np.clip(depth[box], 0.0, 1.0)
        bulge = np.sqrt(inside * (2.0 - inside))
        side = (x[box] - centre_x) * light[0] + (y[box] - centre_y) * light[1]
        shading = 0.78 + 0.22 * bulge + 0.14 * side / radius * (1.0 - 0.5 * bulge)
        texture = material_texture(CLASSES[kinds[index]], x[box], y[box], rng)
        thing = _colour(rng) * shading[..., None]
        thing += rng.uniform(*CONTRAST) * texture[..., None]
        picture[box] += cover[box][..., None] * (thing - picture[box])
        things[depth > 0.0] = index + 1
        labels.append(int(kinds[index]))

    # Grain, so that a network does not learn that flat areas are perfectly flat.
    picture += rng.uniform(*GRAIN) * rng.standard_normal(picture.shape)
    image = np.clip(np.rint(picture * 255.0), 0, 255).astype(np.uint8)
    mask = np.array(labels, dtype=np.uint8)[things]
    mask[_borders(things)] = IGNORE
    return image, mask


def _borders(things: np.ndarray) -> np.ndarray:
    """Pixels beside another thing, (H, W) bool: lines two pixels wide."""
    border = np.zeros(things.shape, dtype=bool)
    across = things[:, 1:] != things[:, :-1]
    down = things[1:] != things[:-1]
    border[:, 1:] |= across
    border[:, :-1] |= across
    border[1:] |= down
    border[:-1] |= down
    return border


def make_voc_dataset(
    root: Union[str, Path],
    seed: int = 0,
    train: int = 400,
    val: int = 100,
    size: int = 96,
) -> Path:
    """Write the set, or reuse it where it is finished.

    ``JPEGImages/*.png`` (PNG in spite of VOC's folder name: JPEG would alter the
    textures), ``SegmentationClass/*.png`` with a palette,
    ``ImageSets/Segmentation/{train,val}.txt`` and ``meta.json``. Everything is written
    into a folder beside ``root`` which is then renamed: ``root`` is whole or absent.

    Args:
        root: The set's own folder; its parents are made.
        seed: Another seed gives other pictures; each picture depends on the seed, its
            split and its number alone, so that a larger set begins with a smaller one.
        train: Number of training images, at least 1.
        val: Number of validation images, at least 1.
        size: Height and width in pixels.

    Returns:
        ``root`` as a path.

    Raises:
        ValueError: If an argument is out of range.
        FileExistsError: If ``root`` holds another set or anything else.
    """
    counts = {"train": train, "val": val}
    if seed < 0 or min(counts.values()) < 1:
        raise ValueError(f"need seed >= 0 and counts >= 1, got {seed} and {counts}")
    meta = {"version": VERSION, "seed": seed, "size": size, **counts}
    folders = ("JPEGImages", "SegmentationClass")
    files = {f"{folder}/*.png": train + val for folder in folders}
    return make_once(root, meta, files, lambda folder: _write(folder, meta, counts))


def _write(folder: Path, meta: dict, counts: dict) -> None:
    lists = folder / "ImageSets" / "Segmentation"
    for path in (folder / "JPEGImages", folder / "SegmentationClass", lists):
        path.mkdir(parents=True)
    for split_index, (split, count) in enumerate(counts.items()):
        names = [f"{split}_{number:05d}" for number in range(count)]
        for number, name in enumerate(names):
            seeds = np.random.SeedSequence([meta["seed"], split_index, number])
            image, mask = generate_sample(Rng(np.random.PCG64(seeds)), meta["size"])
            Image.fromarray(image).save(folder / "JPEGImages" / f"{name}.png")
            labels = Image.fromarray(mask)
            labels.putpalette(_palette())
            labels.save(folder / "SegmentationClass" / f"{name}.png")
        (lists / f"{split}.txt").write_text("\n".join(names) + "\n", encoding="utf-8")


def _palette() -> list[int]:
    """256 colours, flat; borders are a pale cream, as VOC's."""
    palette = np.zeros((256, 3), dtype=np.uint8)
    palette[: len(PALETTE)] = PALETTE
    palette[IGNORE] = (224, 224, 192)
    return palette.ravel().tolist()
