"""``--sigma auto``: measure an image's noise, and say whether to denoise it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from torch import nn

from .denoiser import load_denoiser, takes_sigma
from .noise_report import describe_noise

__all__ = ["AUTO", "WEAKEST", "AutoLevel", "auto_level", "load_for_auto"]

AUTO = "auto"
# Below it the zoo's denoiser takes more of a photograph than noise, though it is told
# the level (three images of Kodak24 in 8 bits: 42.0 dB become 41.5 at level 2, 40.1
# become 41.1 at level 2.5).
WEAKEST = 2.5


class AutoLevel(NamedTuple):
    """What was measured.

    Attributes:
        sigma: Level in 8-bit units; None where the image stays as it is.
        line: What to say of it.
    """

    sigma: float | None
    line: str


def auto_level(image: np.ndarray) -> AutoLevel:
    """Measure the noise of an image that is going to be denoised.

    Args:
        image: (H, W) or (H, W, C) float in [0, 1] plus noise, 64x64 or larger.

    Raises:
        ValueError: If it is too small.
    """
    report = describe_noise(image)
    if report.kind == "clean":
        return AutoLevel(None, f"{report}: unchanged")
    if report.kind != "white":
        return AutoLevel(
            None,
            f"{report}: outside what denoisers of white noise can do, unchanged "
            "(without --sigma auto it is denoised all the same)",
        )
    if report.level < WEAKEST:
        return AutoLevel(None, f"{report}: too weak to be worth the loss, unchanged")
    return AutoLevel(report.level, str(report))


def load_for_auto(source: str, device: str) -> nn.Module:
    """Load a denoiser whose level, if it takes one, is told with each image.

    Raises:
        ValueError: As :func:`mmdenoise.apis.load_denoiser`; or if a network's level
            cannot be changed once it is built.
    """
    told = takes_sigma(source)
    denoiser = load_denoiser(source, device, WEAKEST if told else None)
    if told and not getattr(denoiser, "takes_sigma", False):
        raise ValueError(
            f"{source!r} is built for one level: give --sigma a number instead of auto"
        )
    return denoiser
