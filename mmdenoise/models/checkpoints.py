"""Every kind of weights file that is read or written, safely.

Files are opened without executing anything they hold. What is wrong with one is said
in a line: the file, the keys, and what was expected.
"""

import contextlib
import hashlib
import os
import pickle
from collections.abc import Mapping
from typing import Callable

import numpy as np
import torch
from mmengine.logging import HistoryBuffer
from safetensors.torch import load_file
from torch import Tensor, nn

__all__ = [
    "denoiser_weights",
    "fingerprint",
    "load_strictly",
    "mismatch",
    "read_state_dict",
]

PREFIX = "denoiser."


def read_state_dict(path: str, what: str = "checkpoint") -> dict[str, Tensor]:
    """Read the weights of a checkpoint without running code from it.

    Args:
        path: A ``.safetensors`` file, a file of ``torch.save`` (a state dict, or an
            MMEngine checkpoint that holds one under ``state_dict``), or the URL of one.
        what: The name of the option it was given as, for the error.

    Returns:
        Tensors by key, on the CPU; a ``module.`` prefix of all keys is removed.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is corrupt, holds no weights, or more than data.
    """
    path = os.path.expanduser(path)
    if not path.startswith(("http://", "https://")) and not os.path.isfile(path):
        raise FileNotFoundError(f"{what}: there is no file {path!r}")
    try:
        if path.endswith(".safetensors"):
            state = load_file(path)
        else:
            state = _torch_load(path)
    except pickle.UnpicklingError as error:
        # What was wrong stands deep in an advice to open the file regardless.
        detail = str(error).rpartition("WeightsUnpickler error:")[2]
        reason = detail.strip().splitlines()[0].partition(". ")[0]
        raise ValueError(
            f"{what}: {path!r} is corrupt or holds more than weights, and was not "
            f"opened ({reason})"
        ) from None
    except Exception as error:  # a damaged pickle can fail in any way
        reason = str(error).strip().splitlines()[0] if str(error) else "empty"
        raise ValueError(f"{what}: cannot read {path!r} ({reason})") from None
    if isinstance(state, dict) and isinstance(state.get("state_dict"), dict):
        state = state["state_dict"]
    if not (isinstance(state, dict) and state) or not all(
        isinstance(key, str) and isinstance(value, Tensor)
        for key, value in state.items()
    ):
        raise ValueError(f"{what}: {path!r} holds no weights (tensors by key)")
    if all(key.startswith("module.") for key in state):
        state = {key[len("module.") :]: value for key, value in state.items()}
    return dict(state)


def _harmless() -> list:
    """What MMEngine's checkpoints hold beside tensors: its histories of scalars.

    Some versions of MMEngine have such a list, with ``getattr`` in it: a way out of a
    restricted unpickler. NumPy's module has one name in files of NumPy 1 and another in
    those of NumPy 2.
    """
    scalar, array = np.float64(0).__reduce__()[0], np.zeros(0).__reduce__()[0]
    named = [
        (function, f"numpy.{core}.multiarray.{function.__name__}")
        for function in (scalar, array)
        for core in ("core", "_core")
    ]
    named.append((_statistic_of, "builtins.getattr"))
    types = {type(np.dtype(name)) for name in ("int64", "uint32", "float32", "float64")}
    return [*named, *types, np.ndarray, np.dtype, HistoryBuffer, slice]


def _statistic_of(owner: object, name: str) -> Callable:
    """Stand in for ``getattr``, by which a history refers to its own statistics."""
    if owner is HistoryBuffer and name in ("min", "max", "mean", "current"):
        return getattr(HistoryBuffer, name)
    raise pickle.UnpicklingError(f"it asks for the attribute {name!r} of an object")


def _torch_load(path: str) -> object:
    # Before PyTorch 2.5 nothing but tensors can be let through: exported weights open,
    # checkpoints with MMEngine's histories do not.
    allow = getattr(torch.serialization, "safe_globals", None)
    with allow(_harmless()) if allow else contextlib.nullcontext():
        if path.startswith(("http://", "https://")):
            return torch.hub.load_state_dict_from_url(
                path, map_location="cpu", weights_only=True
            )
        return torch.load(path, map_location="cpu", weights_only=True)


def denoiser_weights(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Take the denoiser's weights out of a cascade's, or a denoiser's own, state."""
    inside = {k[len(PREFIX) :]: v for k, v in state.items() if k.startswith(PREFIX)}
    return inside or dict(state)


def mismatch(expected: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> str:
    """Say in which keys two states differ; an empty string if in none.

    BN's ``num_batches_tracked``, which files from before it existed lack, may be
    missing.
    """
    missing = [
        key
        for key in expected
        if key not in given and not key.endswith("num_batches_tracked")
    ]
    foreign = [key for key in given if key not in expected]
    misshapen = [
        f"{key} {tuple(given[key].shape)} instead of {tuple(expected[key].shape)}"
        for key in expected
        if key in given and given[key].shape != expected[key].shape
    ]
    found = (("missing", missing), ("unknown", foreign), ("wrong shape", misshapen))
    return "; ".join(f"{name}: {_some(keys)}" for name, keys in found if keys)


def _some(keys: list[str], limit: int = 3) -> str:
    more = f" and {len(keys) - limit} more" if len(keys) > limit else ""
    return ", ".join(keys[:limit]) + more


def load_strictly(module: nn.Module, state: Mapping[str, Tensor], what: str) -> None:
    """Load a state of which every key must fit.

    Some versions of MMEngine write buffers that PyTorch does not keep (a preprocessor's
    mean and standard deviation); those come from the config and are passed over.

    Raises:
        RuntimeError: Naming ``what`` and the keys that do not fit.
    """
    transient = {name for name, _ in module.named_buffers()} - set(module.state_dict())
    state = {key: value for key, value in state.items() if key not in transient}
    try:
        # PyTorch first: modules may rename keys of older versions as they load.
        module.load_state_dict(state, strict=True)
    except RuntimeError as error:
        found = mismatch(module.state_dict(), state) or " ".join(str(error).split())
        raise RuntimeError(f"{what} does not fit: {found}") from None


def fingerprint(state: Mapping[str, Tensor]) -> Tensor:
    """SHA-256 over a state's names, types, shapes and values, in the order of names.

    Returns:
        (32,) uint8 tensor on the CPU.
    """
    digest = hashlib.sha256()
    for name in sorted(state):
        tensor = state[name].detach().cpu().contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        if tensor.numel():
            digest.update(tensor.reshape(-1).view(torch.uint8).numpy())
    return torch.frombuffer(bytearray(digest.digest()), dtype=torch.uint8)
