"""Seconds per megapixel and PSNR of several denoisers, measured in one run."""

from __future__ import annotations

import os
import platform
import re
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmdenoise.apis.denoising import denoise
from mmdenoise.apis.methods import Method
from mmdenoise.benchmarks.timing import interleaved_seconds, quartiles, ratios
from mmdenoise.evaluation.psnr_ssim import psnr
from mmdenoise.evaluation.tables import markdown_table
from mmdenoise.images import as_bgr, read_image
from mmdenoise.models.noise import gaussian_noise
from mmdenoise.precision import precision_for
from mmdenoise.progress_line import ProgressLine, TimeLeft

__all__ = [
    "Timed",
    "conditions",
    "image_of",
    "image_size",
    "load_all",
    "measure_speed",
    "smooth_image",
    "speed_table",
]


class Timed(NamedTuple):
    """What was measured of one denoiser in one precision.

    Args:
        seconds: Per megapixel, one number a round.
        psnr: Of its last result, in dB.
    """

    seconds: list[float]
    psnr: float


def measure_speed(
    denoisers: Mapping[str, nn.Module],
    clean: Tensor,
    sigma: float,
    rounds: int,
    warm_up: int = 1,
    tile: int | None = None,
    precisions: Sequence[str] = ("float32",),
) -> dict[str, Timed]:
    """Time :func:`mmdenoise.apis.denoise` with each denoiser on one image, in turns.

    Args:
        denoisers: By their names, as ``load_denoiser`` returns them.
        clean: (3, H, W) float, RGB in [0, 1]; noise is added to it, always the same.
        sigma: Level of the noise in 8-bit units.
        rounds: How often each is timed.
        warm_up: How often each is run before.
        tile: As of ``denoise``.
        precisions: What each computes in, in turns as well: ``'float32'``,
            ``'bfloat16'``. Of several, a method that has no weights is timed once.

    Returns:
        By name, with the precision behind it where there are several.

    Raises:
        ValueError: If a number is out of range, or a precision has no instructions.
    """
    runs = _runs(denoisers, precisions)
    noisy = clean + gaussian_noise(clean, sigma, torch.Generator().manual_seed(0))
    line = ProgressLine("speed", sys.stderr)
    left = TimeLeft({name: warm_up + rounds for name in runs})
    last: dict[str, Tensor] = {}

    def after(name: str, seconds: float) -> None:
        left.step(name, seconds)
        line.show(left.done, left.total, left.seconds(), name)

    def run(name: str) -> Tensor:
        denoiser, precision = runs[name]
        # Copied there and back, as a user's image is.
        last[name] = denoise(denoiser, noisy, tile, precision=precision)
        return last[name]

    found = interleaved_seconds(
        {name: partial(run, name) for name in runs}, rounds, warm_up, after
    )
    megapixels = clean[0].numel() / 1e6
    return {
        name: Timed([s / megapixels for s in taken], psnr(last[name], clean))
        for name, taken in found.items()
    }


def _runs(
    denoisers: Mapping[str, nn.Module], precisions: Sequence[str]
) -> dict[str, tuple[nn.Module, str]]:
    if len(set(precisions)) < len(precisions):
        raise ValueError(f"a precision is given twice: {', '.join(precisions)}")
    runs = {}
    for name, denoiser in denoisers.items():
        ran = dict.fromkeys(precision_for(denoiser, one) for one in precisions)
        for precision in ran:
            label = f"{name}, {precision}" if len(precisions) > 1 else name
            runs[label] = denoiser, precision
    return runs


def smooth_image(size: tuple[int, int]) -> Tensor:
    """Draw smooth random colours; always the same.

    Args:
        size: Height and width in pixels.

    Returns:
        (3, ``height``, ``width``) float, RGB in [0, 1].

    Raises:
        ValueError: If a side has no pixel.
    """
    if min(size) < 1:
        raise ValueError(f"an image has at least 1x1 pixels, got {size[1]}x{size[0]}")
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(1, 3, 16, 16, generator=generator)
    return F.interpolate(coarse, size, mode="bilinear", align_corners=True)[0]


def image_of(path: str) -> Tensor:
    """Read a clean image of three colours.

    Returns:
        (3, H, W) float, RGB in [0, 1].

    Raises:
        FileNotFoundError, ValueError: If it is missing or no whole RGB image, by name.
    """
    try:
        pixels, _ = as_bgr(read_image(path))
    except ValueError as error:
        raise ValueError(f"{path!r}: {error}") from None
    return torch.from_numpy(pixels[..., ::-1].copy()).permute(2, 0, 1).float() / 255


def image_size(text: str) -> tuple[int, int]:
    """Read ``WIDTHxHEIGHT``; return height and width.

    Raises:
        ValueError: If the text is something else.
    """
    match = re.fullmatch(r"(\d+)x(\d+)", text)
    if match is None:
        raise ValueError(f"a size is WIDTHxHEIGHT in pixels (768x512), got {text!r}")
    return int(match[2]), int(match[1])


def load_all(
    methods: Sequence[Method], sigma: float, device: str = "cpu"
) -> dict[str, nn.Module]:
    """Load methods for one level, and let their own threads be as many as PyTorch's.

    Raises:
        ImportError, OSError, RuntimeError, ValueError: Naming the method.
    """
    loaded = {}
    for method in methods:
        try:
            denoiser = method.load(sigma, device)
        except (ImportError, OSError, RuntimeError, ValueError) as error:
            raise type(error)(f"{method.name}: {error}") from None
        if hasattr(denoiser, "threads"):
            denoiser.threads = torch.get_num_threads()
        loaded[method.name] = denoiser
    return loaded


def speed_table(found: Mapping[str, Timed]) -> str:
    """Lay times out in Markdown: median and quartiles, ratios to the first, PSNR."""
    first = next(iter(found))
    names = ["", "s / megapixel", "quartiles", f"ratio to {first}", "quartiles", "PSNR"]
    rows = []
    for name, one in found.items():
        low, middle, high = quartiles(list(one.seconds))
        cells = [f"{middle:.3g}", f"{low:.3g} to {high:.3g}"]
        low, middle, high = quartiles(ratios(one.seconds, found[first].seconds))
        cells += [f"{middle:.2f}", f"{low:.2f} to {high:.2f}", f"{one.psnr:.2f}"]
        rows.append([name, *cells])
    return markdown_table(names, rows)


def conditions(size: tuple[int, int], rounds: int, device: str) -> str:
    """Say in a line under what conditions a speed was measured."""
    where = f"CPU ({platform.machine()}, {os.cpu_count()} logical cores)"
    if torch.device(device).type == "cuda":
        where = torch.cuda.get_device_name(device)
    return (
        f"One image of {size[1]}x{size[0]}, {rounds} interleaved rounds; {where}, "
        f"{torch.get_num_threads()} threads, PyTorch {torch.__version__}."
    )
