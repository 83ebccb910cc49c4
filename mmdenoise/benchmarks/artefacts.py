"""What a denoiser does where nothing should be seen: flat areas, bars, clipped noise.

Everything is generated, so that anyone measures the same. Lengths are in pixels,
deviations and amplitudes in 8-bit levels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Generator, Tensor

from mmdenoise.evaluation.psnr_ssim import psnr
from mmdenoise.evaluation.tables import markdown_table

__all__ = ["MEASURES", "artefact_table", "grid_amplitude", "measure_artefacts"]

MEASURES = ("black", "grey", "white", "bars", "period 2", "period 4", "float", "8 bits")
FLAT = (0.0, 0.1, 0.5, 1.0)
SIDE = 256
BAR = 64
# No network looks further: what is nearer to the photo, or to the border, may differ.
MARGIN = 32
LEAVES = 600

Denoise = Callable[[Tensor], Tensor]


def grid_amplitude(image: Tensor, period: int) -> float:
    """How strong a pattern is that repeats every ``period`` pixels, both ways.

    Args:
        image: (3, H, W), RGB in [0, 1]; the last, cut cells are left out.
        period: Side of a cell.

    Returns:
        Root mean square, over places of a cell and channels, of the mean of each place
        about the mean of all, in 8-bit levels.
    """
    height, width = (size // period * period for size in image.shape[-2:])
    cells = image[:, :height, :width].unflatten(2, (-1, period))
    places = cells.unflatten(1, (-1, period)).mean((1, 3))
    about = places - places.mean((1, 2), keepdim=True)
    return float(about.square().mean().sqrt()) * 255


@torch.no_grad()
def measure_artefacts(denoise: Denoise, sigma: float) -> dict[str, float]:
    """Measure a denoiser that is set for a level.

    Args:
        denoise: Maps (1, 3, H, W), RGB in [0, 1], to the same.
        sigma: That level in 8-bit units.

    Returns:
        By the names in ``MEASURES``: the largest deviation on black, grey, white and on
        the bars of a letterboxed photo, all without noise; the largest amplitude of a
        pattern of period 2 and 4 on flat areas with noise, float and clipped to 8 bits;
        PSNR of two photos in float noise, and in noise that is clipped to 8 bits.
    """
    found = {}
    for name, value in (("black", 0.0), ("grey", 0.5), ("white", 1.0)):
        flat = torch.full((1, 3, 128, 128), value)
        found[name] = float((denoise(flat) - flat).abs().max()) * 255
    photos = [_photo(seed) for seed in (0, 1)]
    letterboxed = photos[0].clone()
    letterboxed[..., :BAR, :] = 0
    bar = denoise(letterboxed)[..., : BAR - MARGIN, :]
    found["bars"] = float(bar.abs().max()) * 255
    generator = Generator().manual_seed(0)
    found.update({"period 2": 0.0, "period 4": 0.0})
    for value in FLAT:
        for noisy in _noisy(torch.full((1, 3, SIDE, SIDE), value), sigma, generator):
            inner = denoise(noisy)[0, :, MARGIN:-MARGIN, MARGIN:-MARGIN]
            for period in (2, 4):
                name = f"period {period}"
                found[name] = max(found[name], grid_amplitude(inner, period))
    scores = [
        [psnr(denoise(noisy)[0], photo[0]) for noisy in _noisy(photo, sigma, generator)]
        for photo in photos
    ]
    found["float"], found["8 bits"] = map(float, np.mean(scores, axis=0))
    return found


def artefact_table(rows: Mapping[str, Mapping[str, float]]) -> str:
    """Print what :func:`measure_artefacts` found, a denoiser a line."""
    return markdown_table(
        ["", *MEASURES],
        [
            [name, *(f"{found[measure]:.2f}" for measure in MEASURES)]
            for name, found in rows.items()
        ],
    )


def _photo(seed: int) -> Tensor:
    """Dead leaves: discs that hide each other, of which some are black or white.

    Lee, Mumford, Huang, "Occlusion Models for Natural Images: A Statistical Study of a
    Scale-Invariant Dead Leaves Model", International Journal of Computer Vision 41
    (2001): radii go by their inverse cube, which gives a photograph's statistics.
    """
    random = np.random.default_rng(seed)
    image = np.zeros((SIDE, SIDE, 3))
    rows, columns = np.mgrid[:SIDE, :SIDE]
    largest, smallest = SIDE / 3, SIDE / 32
    for _ in range(LEAVES):
        share = random.random()
        radius = (smallest**-2 + share * (largest**-2 - smallest**-2)) ** -0.5
        row, column = random.uniform(-radius, SIDE + radius, 2)
        leaf = (rows - row) ** 2 + (columns - column) ** 2 < radius**2
        grey, tint = random.uniform(-60, 315), random.uniform(-40, 40, 3)
        image[leaf] = grey + tint
    pixels = torch.from_numpy(image).permute(2, 0, 1)[None].float()
    return pixels.round().clamp(0, 255) / 255


def _noisy(image: Tensor, sigma: float, generator: Generator) -> tuple[Tensor, Tensor]:
    """The same noise twice: float, and clipped and rounded to 8 bits."""
    noisy = image + torch.randn(image.shape, generator=generator) * (sigma / 255)
    return noisy, (noisy.clamp(0, 1) * 255).round() / 255
