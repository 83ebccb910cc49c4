"""Make a denoiser file of what the authors of DnCNN and FFDNet published."""

from __future__ import annotations

import os
import re
from typing import NamedTuple

from mmdenoise.registry import MODELS
from mmdenoise.weights.authors_networks import recognise
from mmdenoise.weights.denoiser_file import write_denoiser_file
from mmdenoise.weights.named_weights import find_weights

__all__ = ["Conversion", "convert_denoiser"]

LEVEL_IN_NAME = re.compile(r"sigma[=_-]?(\d+)", re.IGNORECASE)


class Conversion(NamedTuple):
    """What was found in a file, and what was written."""

    found: str
    level: str
    info: dict[str, str]


def convert_denoiser(source: str, out: str, sigma: float | None = None) -> Conversion:
    """Write a published DnCNN or FFDNet, for colour, as a denoiser file.

    A DnCNN's level goes into the file as the noise that it was trained on, an
    FFDNet's as its argument ``sigma``, which whoever loads it may replace.

    Args:
        source: The authors' MatConvNet file (``.mat``), or one of their PyTorch code
            (``.pth``).
        out: A ``.safetensors`` or ``.pth`` file.
        sigma: Standard deviation of the noise in 8-bit units; None takes it from the
            file's name where that says it, as ``color_sigma=25.mat`` does.

    Returns:
        What it is, its level and whose word that is, and the file's metadata.

    Raises:
        FileNotFoundError: If there is no such file.
        RuntimeError, ValueError: If it is corrupt, or holds another network, or a
            number is out of range.
    """
    what = f"{source!r}"
    given = find_weights(source)
    if given.info is not None:
        raise ValueError(f"{what} is a denoiser file already: it loads as it is")
    state = given.state
    if given.is_cascade:
        raise ValueError(
            f"{what} is a cascade's checkpoint: mmdenoise export makes a "
            "denoiser file of its denoiser"
        )
    recognised = recognise(state, what)
    if recognised is None:
        key = next(iter(state))
        raise ValueError(
            f"{what} is neither a DnCNN nor an FFDNet of its authors, whose weights "
            f"are called model.0.weight and so on: it holds {key}"
        )
    config, state = recognised
    level, sigma = _level(source, sigma)
    noise = None
    if sigma is not None and config["type"] == "mmdenoise.FFDNet":
        config["sigma"] = sigma
        MODELS.build(config)
    elif sigma is not None:
        noise = dict(type="mmdenoise.GaussianNoise", sigma=sigma)
        MODELS.build(noise)
    info = write_denoiser_file(out, state, config, noise=noise)
    norm = config["norm_cfg"]
    norms = "none" if norm is None else f"present, their eps taken to be {norm['eps']}"
    found = (
        f"{config['type']}, {config['depth']} convs of {config['channels']} channels, "
        f"batch norms {norms}"
    )
    return Conversion(found, level, info)


def _level(source: str, sigma: float | None) -> tuple[str, float | None]:
    if sigma is not None:
        return f"{sigma:g}, as told", sigma
    named = LEVEL_IN_NAME.search(os.path.basename(source))
    if named is not None:
        return f"{named[1]}, by the file's name", int(named[1])
    return "not known: --sigma records it", None
