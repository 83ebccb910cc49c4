"""What files of weights mean: whose they are, which fit, which are the same.

What is wrong with one is said in a line: the file, the keys, and what was expected.
"""

import hashlib
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from mmdenoise.weights.limits import shortened
from mmdenoise.weights.reader import open_checkpoint

__all__ = [
    "checked_fingerprint",
    "denoiser_weights",
    "fingerprint",
    "is_cascade",
    "load_strictly",
    "mismatch",
    "read_state_dict",
    "refuse_not_finite",
    "refuse_not_numbers",
    "weights_in",
]

PREFIX = "denoiser."
FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
WHOLE = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)


def read_state_dict(
    path: str, what: str = "checkpoint", trusted: bool = False
) -> dict[str, Tensor]:
    """Read the weights of a checkpoint without running code from it.

    Args:
        path: A ``.safetensors`` file, a file of ``torch.save`` (a state dict, or an
            MMEngine checkpoint that holds one under ``state_dict``), or the URL of one.
        what: The name of the option it was given as, for the error.
        trusted: As for :func:`mmdenoise.weights.reader.open_checkpoint`.

    Returns:
        Tensors by key, on the CPU; a ``module.`` prefix of all keys is removed.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is corrupt, holds no weights, or more than data.
    """
    return weights_in(open_checkpoint(path, what, trusted=trusted), f"{what}: {path!r}")


def weights_in(content: object, what: str) -> dict[str, Tensor]:
    """Find the weights in what a file holds, as :func:`read_state_dict` returns them.

    Raises:
        ValueError: Naming ``what``, if there are none.
    """
    state = content
    if isinstance(state, dict) and isinstance(state.get("state_dict"), dict):
        state = state["state_dict"]
    if not (isinstance(state, dict) and state) or not all(
        isinstance(key, str) and isinstance(value, Tensor)
        for key, value in state.items()
    ):
        raise ValueError(f"{what} holds no weights (tensors by key)")
    if all(key.startswith("module.") for key in state):
        state = {key[len("module.") :]: value for key, value in state.items()}
    return dict(state)


def is_cascade(state: Mapping[str, Tensor]) -> bool:
    """Whether weights are a cascade's, and not a denoiser's or a head's own."""
    return any(key.startswith(PREFIX) or key == "head_fingerprint" for key in state)


def denoiser_weights(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Take the denoiser's weights out of a cascade's, or a denoiser's own, state."""
    if not is_cascade(state):
        return dict(state)
    return {k[len(PREFIX) :]: v for k, v in state.items() if k.startswith(PREFIX)}


def refuse_not_finite(state: Mapping[str, Tensor], what: str) -> None:
    """Refuse a denoiser whose training came apart.

    Raises:
        ValueError: Naming ``what`` and the keys that hold NaN or infinity.
    """
    found = [key for key in state if not state[key].isfinite().all()]
    if found:
        raise ValueError(f"{what} holds NaN or infinite values in {_some(found)}")


def refuse_not_numbers(state: Mapping[str, Tensor], what: str) -> None:
    """Refuse weights of which nobody says how they are to be read, as floats.

    Raises:
        ValueError: Naming ``what`` and the keys that are quantised, complex, sparse or
            without numbers.
    """
    found = [
        f"{key} {_kind(value)}"
        for key, value in state.items()
        if value.dtype != torch.int64 and not _converts(value, torch.empty(0))
    ]
    if found:
        raise ValueError(f"{what} holds other numbers than floats: {_some(found)}")


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
    found = (
        ("missing", missing),
        ("unknown", foreign),
        ("wrong shape", misshapen),
        ("other numbers", _unlike(expected, given)),
    )
    return "; ".join(f"{name}: {_some(keys)}" for name, keys in found if keys)


def _unlike(expected: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> list[str]:
    return [
        f"{key} {_kind(given[key])} instead of {_kind(expected[key])}"
        for key in expected
        if key in given and not _converts(given[key], expected[key])
    ]


def _converts(given: Tensor, expected: Tensor) -> bool:
    """Whether values of one type mean the same in the other, up to rounding.

    Floats to floats and whole numbers to whole numbers. Integers in place of floats are
    a quantised network, whose scales are not here; a complex number has two parts.
    """
    if given.is_meta or given.layout != torch.strided or given.is_quantized:
        return False
    same = given.dtype == expected.dtype
    return same or any(
        given.dtype in kinds and expected.dtype in kinds for kinds in (FLOATS, WHOLE)
    )


def _kind(tensor: Tensor) -> str:
    if tensor.is_meta:
        return "without numbers (meta)"
    layout = "" if tensor.layout == torch.strided else f" ({tensor.layout})"
    return f"{tensor.dtype}{layout}".replace("torch.", "")


def _some(keys: list[str], limit: int = 3) -> str:
    more = f" and {len(keys) - limit} more" if len(keys) > limit else ""
    return ", ".join(shortened(key, 120) for key in keys[:limit]) + more


def load_strictly(module: nn.Module, state: Mapping[str, Tensor], what: str) -> None:
    """Load a state of which every key must fit.

    Some versions of MMEngine write buffers that PyTorch does not keep (a preprocessor's
    mean and standard deviation); those come from the config and are passed over.

    Raises:
        RuntimeError: Naming ``what`` and the keys that do not fit.
    """
    transient = {name for name, _ in module.named_buffers()} - set(module.state_dict())
    state = {key: value for key, value in state.items() if key not in transient}
    unlike = _unlike(module.state_dict(), state)
    if unlike:
        # PyTorch would cast them without a word.
        raise RuntimeError(f"{what} does not fit: other numbers: {_some(unlike)}")
    try:
        # PyTorch first: modules may rename keys of older versions as they load.
        module.load_state_dict(state, strict=True)
    except RuntimeError as error:
        expected = module.state_dict()
        found = mismatch(expected, state) or " ".join(str(error).split())
        if state and not any(key in expected for key in state):
            found = f"it holds {_parts(state)}, not {_parts(expected)}"
        raise RuntimeError(f"{what} does not fit: {found}") from None


def _parts(state: Mapping[str, Tensor]) -> str:
    """Say whose weights they are."""
    if is_cascade(state):
        return "a cascade's denoiser"
    return _some(list(dict.fromkeys(f"{key.partition('.')[0]}.*" for key in state)))


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


def checked_fingerprint(found: object) -> Tensor:
    """Check that what a checkpoint calls its head's fingerprint is one.

    Raises:
        ValueError: If it is not.
    """
    if isinstance(found, Tensor) and found.dtype == torch.uint8:
        if found.shape == (32,):
            return found
    raise ValueError(
        "the checkpoint's head_fingerprint is damaged: it is no tensor of 32 bytes"
    )
