"""Seconds per megapixel of several denoisers, measured in one run."""

from __future__ import annotations

import os
import platform
import re
import sys
from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmdenoise.apis.denoising import denoise
from mmdenoise.apis.methods import Method
from mmdenoise.benchmarks.timing import interleaved_seconds, quartiles, ratios
from mmdenoise.engine.progress import ProgressLine, TimeLeft
from mmdenoise.evaluation.tables import markdown_table
from mmdenoise.models.noise import gaussian_noise

__all__ = [
    "conditions",
    "image_size",
    "load_all",
    "measure_speed",
    "noisy_image",
    "speed_table",
]


def measure_speed(
    denoisers: Mapping[str, nn.Module],
    size: tuple[int, int],
    sigma: float,
    rounds: int,
    warm_up: int = 1,
    tile: int | None = None,
) -> dict[str, list[float]]:
    """Time :func:`mmdenoise.apis.denoise` with each denoiser on one image, in turns.

    Args:
        denoisers: By their names, as ``load_denoiser`` returns them.
        size: Height and width of the image in pixels.
        sigma: Level of the image's noise in 8-bit units.
        rounds: How often each is timed.
        warm_up: How often each is run before.
        tile: As of ``denoise``.

    Returns:
        Seconds per megapixel, one number a round, by name.

    Raises:
        ValueError: If a number is out of range.
    """
    image = noisy_image(size, sigma)
    line = ProgressLine("speed", sys.stderr)
    left = TimeLeft({name: warm_up + rounds for name in denoisers})

    def after(name: str, seconds: float) -> None:
        left.step(name, seconds)
        line.show(left.done, left.total, left.seconds(), name)

    def run(denoiser: nn.Module) -> Tensor:
        # Copied there and back, as a user's image is.
        return denoise(denoiser, image, tile)

    found = interleaved_seconds(
        {name: lambda one=one: run(one) for name, one in denoisers.items()},
        rounds,
        warm_up,
        after,
    )
    megapixels = size[0] * size[1] / 1e6
    return {name: [s / megapixels for s in taken] for name, taken in found.items()}


def noisy_image(size: tuple[int, int], sigma: float) -> Tensor:
    """Draw smooth random colours and noise over them; always the same.

    Args:
        size: Height and width in pixels.
        sigma: Level of the noise in 8-bit units.

    Returns:
        (3, ``height``, ``width``) float, RGB in [0, 1] plus noise.
    """
    if min(size) < 1:
        raise ValueError(f"an image has at least 1x1 pixels, got {size[1]}x{size[0]}")
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(1, 3, 16, 16, generator=generator)
    clean = F.interpolate(coarse, size, mode="bilinear", align_corners=True)[0]
    return clean + gaussian_noise(clean, sigma, generator)


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


def speed_table(seconds: Mapping[str, Sequence[float]]) -> str:
    """Lay times out in Markdown: median and quartiles, and ratios to the first."""
    base = next(iter(seconds.values()))
    name = next(iter(seconds))
    names = ["", "s / megapixel", "quartiles", f"ratio to {name}", "quartiles"]
    rows = []
    for name, taken in seconds.items():
        low, middle, high = quartiles(list(taken))
        cells = [f"{middle:.3g}", f"{low:.3g} to {high:.3g}"]
        low, middle, high = quartiles(ratios(list(taken), list(base)))
        cells += [f"{middle:.2f}", f"{low:.2f} to {high:.2f}"]
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
