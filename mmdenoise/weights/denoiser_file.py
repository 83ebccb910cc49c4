"""A denoiser alone in a file that says what it is: written and read.

It is a ``.safetensors`` file with metadata, or a ``.pth`` file of plain data,
``dict(state_dict=..., meta=...)``, which holds the same. Its metadata are strings:

===================== =============================================================
``mmdenoise_format``  version of this layout, ``1``
``denoiser``          the denoiser's config, defaults written out, in JSON
``noise``             config of the noise it was trained on, in JSON; may be absent
``value_range``       of the images it takes and gives
``sigma_unit``        of every ``sigma`` in here
``head_fingerprint``  SHA-256 of the head it was trained with; absent without a head
``iteration``         of the training; may be absent
``weights``           ``averaged`` (EMA) or ``last``
``mmdenoise_version`` that wrote the file
===================== =============================================================
"""

from __future__ import annotations

import inspect
import json
import os
from collections.abc import Mapping

import torch
from safetensors.torch import save_file
from torch import Tensor

from mmdenoise.atomic_files import atomic_path
from mmdenoise.registry import MODELS
from mmdenoise.version import __version__
from mmdenoise.weights.endings import WRITTEN
from mmdenoise.weights.reader import local_path, open_checkpoint
from mmdenoise.weights.safetensors_file import read_metadata
from mmdenoise.weights.shortened import shortened
from mmdenoise.weights.strict_loading import refuse_not_finite

__all__ = [
    "info_in",
    "read_denoiser_info",
    "recorded_denoiser",
    "whole_config",
    "write_denoiser_file",
]

FORMAT = "1"


def whole_config(config: Mapping) -> dict:
    """Write a denoiser's config out with the defaults of its class, as JSON has it.

    Raises:
        ValueError: If no denoiser of that type is known.
    """
    config = dict(config)
    kind = config.pop("type")
    found = kind if isinstance(kind, type) else MODELS.get(kind)
    if found is None:
        raise ValueError(f"no denoiser is called {kind!r}")
    for name, parameter in inspect.signature(found).parameters.items():
        if parameter.default is not parameter.empty:
            config.setdefault(name, parameter.default)
    if isinstance(kind, type):
        kind = f"mmdenoise.{kind.__name__}"
    return json.loads(json.dumps(dict(type=kind, **config)))


def write_denoiser_file(
    path: str,
    state: Mapping[str, Tensor],
    denoiser: Mapping,
    noise: Mapping | None = None,
    head_fingerprint: Tensor | None = None,
    iteration: int | None = None,
    averaged: bool = False,
) -> dict[str, str]:
    """Write a denoiser's weights and what they are, whole or not at all.

    Args:
        path: A ``.safetensors`` or ``.pth`` file.
        state: The denoiser's own weights by key.
        denoiser: Its config.
        noise: Config of the noise it was trained on.
        head_fingerprint: (32,) uint8, of the head it was trained with.
        iteration: At which the weights were saved.
        averaged: Whether they are an average over iterations (EMA).

    Returns:
        The metadata.

    Raises:
        ValueError: If the path ends otherwise, or weights are NaN or infinite.
    """
    kind = os.path.splitext(path)[1]
    if kind not in WRITTEN:
        raise ValueError(
            f"a denoiser file ends in {' or '.join(WRITTEN)}, not as {path!r}"
        )
    refuse_not_finite(state, "the denoiser to be written")
    config = whole_config(denoiser)
    if "checkpoint" in config:
        config["checkpoint"] = None  # the file itself, from here on
    info = dict(
        mmdenoise_format=FORMAT,
        denoiser=json.dumps(config, sort_keys=True),
        value_range="RGB [0, 1]",
        sigma_unit="8-bit",
        weights="averaged" if averaged else "last",
        mmdenoise_version=__version__,
    )
    if noise is not None:
        info["noise"] = json.dumps(noise, sort_keys=True)
    if head_fingerprint is not None:
        info["head_fingerprint"] = bytes(head_fingerprint.tolist()).hex()
    if iteration is not None:
        info["iteration"] = str(iteration)
    state = {k: v.detach().cpu().contiguous().clone() for k, v in state.items()}
    with atomic_path(path) as temporary:
        if kind == ".pth":
            torch.save(dict(state_dict=state, meta=info), temporary)
        else:
            # By "format" other readers tell whose tensors these are.
            save_file(state, temporary, metadata=dict(info, format="pt"))
    return info


def recorded_denoiser(info: Mapping[str, str], what: str) -> dict:
    """Read a file's record of its denoiser, which may say anything.

    Raises:
        ValueError: Naming ``what``, if it is of another format, or not readable.
    """
    if info["mmdenoise_format"] != FORMAT:
        raise ValueError(
            f"{what} is a denoiser file of format "
            f"{shortened(info['mmdenoise_format'], 20)}; this version of mmdenoise "
            f"({__version__}) knows format {FORMAT}"
        )
    try:
        config = json.loads(info.get("denoiser", ""))
        if not isinstance(config, dict):
            raise ValueError("no object")
    except (RecursionError, ValueError) as error:
        raise ValueError(
            f"{what}: its metadata are not readable ({shortened(error, 80)})"
        ) from None
    return config


def read_denoiser_info(path: str) -> dict[str, str] | None:
    """Read what a denoiser file says of itself; None if it is another kind of file.

    Raises:
        FileNotFoundError, ValueError: If there is no such file, or it does not open.
    """
    return info_in(local_path(path), open_checkpoint(path))


def info_in(path: str, content: object) -> dict[str, str] | None:
    """What a file that was opened says of itself, as :func:`read_denoiser_info`."""
    if path.endswith(".safetensors"):
        info = read_metadata(path)
    else:
        info = content.get("meta") if isinstance(content, dict) else None
    if not isinstance(info, dict) or "mmdenoise_format" not in info:
        return None
    if not all(isinstance(text, str) for pair in info.items() for text in pair):
        raise ValueError(f"{path!r}: its metadata are not readable (no texts)")
    return {key: value for key, value in info.items() if key != "format"}
