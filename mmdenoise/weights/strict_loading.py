"""Weights go where they belong, every one of them, or nowhere.

What is wrong is said in a line: the file, the keys, and what was expected.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from mmdenoise.weights.shortened import shortened
from mmdenoise.weights.state_dicts import is_cascade

__all__ = ["load_strictly", "mismatch", "refuse_not_finite", "refuse_not_numbers"]

FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
# Names under which training code keeps its network; Lightning's modules among it.
WRAPPERS = ("model.", "net.", "network.", "netG.", "generator.")
WHOLE = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)


def load_strictly(module: nn.Module, state: Mapping[str, Tensor], what: str) -> None:
    """Load a state of which every key must fit.

    Of a state that lies a level deeper (``model.stem.weight``, as Lightning has it) the
    first name is left out. Some versions of MMEngine write buffers that PyTorch does
    not keep (a preprocessor's mean and standard deviation); those come from the config
    and are passed over.

    Raises:
        RuntimeError: Naming ``what`` and the keys that do not fit.
    """
    transient = {name for name, _ in module.named_buffers()} - set(module.state_dict())
    state = {key: value for key, value in state.items() if key not in transient}
    state = _without_wrapper(module.state_dict(), state)
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


def _without_wrapper(
    expected: Mapping[str, Tensor], given: Mapping[str, Tensor]
) -> Mapping[str, Tensor]:
    prefix = f"{next(iter(given), '').partition('.')[0]}."
    if prefix not in WRAPPERS or any(key in expected for key in given):
        return given
    inner = {k[len(prefix) :]: v for k, v in given.items() if k.startswith(prefix)}
    fits = len(inner) == len(given) and any(key in expected for key in inner)
    return inner if fits else given


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


def _parts(state: Mapping[str, Tensor]) -> str:
    """Say whose weights they are."""
    if is_cascade(state):
        return "a cascade's denoiser"
    return _some(list(dict.fromkeys(f"{key.partition('.')[0]}.*" for key in state)))


def _some(keys: list[str], limit: int = 3) -> str:
    more = f" and {len(keys) - limit} more" if len(keys) > limit else ""
    return ", ".join(shortened(key, 120) for key in keys[:limit]) + more
