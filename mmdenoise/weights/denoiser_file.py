"""A denoiser alone in a file that says what it is: written, read, and loaded.

A release is a ``.safetensors`` file with metadata, or a ``.pth`` file of plain data,
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
from mmengine.config import ConfigDict
from safetensors.torch import save_file
from torch import Tensor, nn

from mmdenoise.atomic_files import atomic_path
from mmdenoise.registry import MODELS
from mmdenoise.version import __version__
from mmdenoise.weights.denoiser_table import checked_denoiser
from mmdenoise.weights.limits import shortened
from mmdenoise.weights.reader import local_path, open_checkpoint
from mmdenoise.weights.safetensors_file import read_metadata
from mmdenoise.weights.state_dicts import (
    denoiser_weights,
    load_strictly,
    refuse_not_finite,
    weights_in,
)
from mmdenoise.weights.zoo import resolve

__all__ = [
    "check_denoiser_weights",
    "load_denoiser_weights",
    "read_release_info",
    "recorded_denoiser",
    "whole_config",
    "write_release",
]

FORMAT = "1"
EXPECTED = (
    "expected a release, a cascade's checkpoint or a denoiser's own; a task network's "
    "goes to head_checkpoint"
)
# Options by which networks of the same weights and the same results may differ; by
# ``checkpoint`` a denoiser names the file that its architecture is found in.
FREE = ("checkpoint", "init_cfg", "sigma")
OURS = "mmdenoise."
BATCH_NORMS = ("BN", "BN2d", "SyncBN", "MMSyncBN")


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


def write_release(
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
    if kind not in (".safetensors", ".pth"):
        raise ValueError(f"a release ends in .safetensors or .pth, not as {path!r}")
    refuse_not_finite(state, "the denoiser to be released")
    config = whole_config(denoiser)
    if "checkpoint" in config:
        config["checkpoint"] = None  # the release itself, from here on
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


def read_release_info(path: str) -> dict[str, str] | None:
    """Read what a release says of itself; None if the file is no release.

    Raises:
        FileNotFoundError, ValueError: If there is no such file, or it does not open.
    """
    return _info(path, open_checkpoint(path))


def _info(path: str, content: object) -> dict[str, str] | None:
    if path.endswith(".safetensors"):
        info = read_metadata(local_path(path))
    else:
        info = content.get("meta") if isinstance(content, dict) else None
    if not isinstance(info, dict) or "mmdenoise_format" not in info:
        return None
    if not all(isinstance(text, str) for pair in info.items() for text in pair):
        raise ValueError(f"{path!r}: its metadata are not readable (no texts)")
    return {key: value for key, value in info.items() if key != "format"}


def check_denoiser_weights(path: str, config: Mapping) -> None:
    """Raise what :func:`load_denoiser_weights` would for the denoiser of a config."""
    load_denoiser_weights(MODELS.build(ConfigDict(config)), path, config)


def load_denoiser_weights(denoiser: nn.Module, path: str, config: Mapping) -> None:
    """Load a release, a cascade's checkpoint, or a denoiser's own, strictly.

    Args:
        denoiser: The network, built.
        path: The file, or a denoiser's name in the zoo.
        config: What the network was built of; a release must say the same.

    Raises:
        FileNotFoundError: If there is no such file.
        RuntimeError: If weights do not fit, or are those of another architecture.
        ValueError: If the file is corrupt, holds no weights, or NaN among them.
    """
    what = f"denoiser_checkpoint {path!r}"
    path = resolve(path)
    content = open_checkpoint(path, "denoiser_checkpoint")
    state = denoiser_weights(weights_in(content, f"denoiser_checkpoint: {path!r}"))
    info = _info(path, content)
    if info is not None:
        _check_architecture(what, info, config)
    try:
        load_strictly(denoiser, state, what)
    except RuntimeError as error:
        if set(state) & set(denoiser.state_dict()):
            raise
        raise RuntimeError(f"{error}; {EXPECTED}") from None
    refuse_not_finite(state, what)


def recorded_denoiser(info: Mapping[str, str], what: str) -> dict:
    """Read a file's record of its denoiser, which may say anything.

    Raises:
        ValueError: Naming ``what``, if it is of another format, or not readable.
    """
    if info["mmdenoise_format"] != FORMAT:
        raise ValueError(
            f"{what} is a release of format {shortened(info['mmdenoise_format'], 20)}; "
            f"this version of mmdenoise ({__version__}) knows format {FORMAT}"
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


def _check_architecture(what: str, info: Mapping[str, str], config: Mapping) -> None:
    """Compare configs: networks of other options can have weights of the same shapes.

    Raises:
        RuntimeError: Naming both.
    """
    ours = whole_config(config)
    try:
        released = recorded_denoiser(info, what)
        if str(released.get("type")).removeprefix(OURS) == ours["type"].removeprefix(
            OURS
        ):
            # Built is what the config says, also a class that no file may name.
            released = whole_config(dict(released, type=config["type"]))
        else:
            released = whole_config(checked_denoiser(released, what))
    except ValueError as error:
        raise RuntimeError(str(error)) from None
    names = [
        name
        for name in {**ours, **released}
        if name not in FREE
        and _comparable(ours.get(name)) != _comparable(released.get(name))
    ]
    if names:
        raise RuntimeError(
            f"{what} is a release of {_said(released, names)}, and the config builds "
            f"{_said(ours, names)}"
        )


def _comparable(option: object) -> object:
    """Norm layers that differ in how they train, and not in what they are."""
    if isinstance(option, dict) and option.get("type") in BATCH_NORMS:
        kept = {k: v for k, v in option.items() if k not in ("requires_grad",)}
        return dict(kept, type="BN")
    return option


def _said(config: Mapping, names: list[str]) -> str:
    options = [f"{n}={config[n]!r}" for n in names if n in config and n != "type"]
    return shortened(f"{config['type']}({', '.join(options)})", 300)
