"""NumPy's numbers and MMEngine's histories of scalars, made of checked numbers.

A pickle makes an array in steps: it begins one, says the state of the type, then the
state of the array. NumPy itself believes such states, those of types with fields,
objects and subarrays included. Here each step ends in a check, and the array is made of
bytes, of a plain type and of a size that fits them.
"""

from __future__ import annotations

import math
import pickle
from dataclasses import dataclass, field
from typing import Callable, Protocol

import numpy as np
import torch
from mmengine.logging import HistoryBuffer

from mmdenoise.weights.limits import Budget
from mmdenoise.weights.shortened import shortened

__all__ = [
    "HISTORY",
    "Name",
    "Pending",
    "begun_array",
    "begun_dtype",
    "history",
    "natural",
    "naturals",
    "said",
    "scalar",
    "statistic",
]

Refused = pickle.UnpicklingError
HISTORY = "mmengine.logging.history_buffer.HistoryBuffer"
STATISTICS = ("min", "max", "mean", "current")
CODES = ("b1", *"i1 i2 i4 i8 u1 u2 u4 u8 f2 f4 f8 c8 c16".split())
MOST_DIMENSIONS = 25
# Bytes that a history takes beside its numbers.
HISTORY_ITSELF = 1024


class HasBudget(Protocol):
    """Whoever counts the bytes that a file makes."""

    budget: Budget


@dataclass(frozen=True)
class Name:
    """A class or function that a file names, and may only name."""

    text: str


@dataclass
class Pending:
    """What a file has begun and not filled: an array, a number's type, a history."""

    finish: Callable[[object], object]
    memo: list[int] = field(default_factory=list)


def begun_dtype(values: HasBudget, code: str, align=False, copy=True) -> Pending:
    """Begin a NumPy type, of which a file says the byte order and nothing more."""
    if code not in CODES:
        raise Refused(f"it has NumPy's type {said(code)}, which is no number's")

    def finish(state: object) -> np.dtype:
        # Version, byte order, and nothing that would make it more than a number's.
        if type(state) is not tuple or state[2:5] != (None, None, None):
            raise Refused("it sets the state of a NumPy type to more than a number's")
        if state[1] not in ("<", ">", "|", "="):
            raise Refused("it has numbers of an unknown byte order")
        return np.dtype(code).newbyteorder(state[1])

    return Pending(finish)


def _numbers(values: HasBudget, data: object, dtype: object, count: int) -> np.ndarray:
    if not isinstance(dtype, np.dtype) or type(data) is not bytes:
        raise Refused("it has an array of more than numbers")
    if len(data) != count * dtype.itemsize:
        raise Refused("it has an array of another size than it says")
    values.budget.spend(len(data))
    if dtype.kind == "b":
        return np.frombuffer(data, np.uint8) != 0
    return np.frombuffer(data, dtype).copy() if data else np.empty(0, dtype)


def scalar(values: HasBudget, dtype: object, data: object) -> np.generic:
    """Make a number of NumPy's."""
    return _numbers(values, data, dtype, 1)[0]


def begun_array(
    values: HasBudget, kind: object, shape: object, code: object
) -> Pending:
    """Begin an array, of which a file says shape, type and bytes."""
    if kind != Name("numpy.ndarray"):
        raise Refused(f"it asks for an array of {said(kind)}")

    def finish(state: object) -> np.ndarray:
        if type(state) is not tuple or len(state) != 5:
            raise Refused("it sets the state of an array to more than numbers")
        _, shape, dtype, by_columns, data = state
        shape = naturals(shape)
        found = _numbers(values, data, dtype, math.prod(shape))
        return found.reshape(shape, order="F" if by_columns is True else "C")

    return Pending(finish)


def history(values: HasBudget, state: object) -> HistoryBuffer:
    """Make a history of its two arrays; its methods are those of its class."""
    state = state if type(state) is dict else {}
    log, counts = state.get("_log_history"), state.get("_count_history")
    longest = natural(state.get("max_length"))
    for array in (log, counts):
        if not (isinstance(array, np.ndarray) and array.ndim == 1):
            raise Refused("it sets the state of a history to more than numbers")
    if len(log) != len(counts) or len(log) > longest:
        raise Refused("it has a history of two lengths")
    # It copies them, however often a file names the same ones.
    values.budget.spend(log.nbytes + counts.nbytes + HISTORY_ITSELF)
    return HistoryBuffer(log, counts, longest)


def statistic(values: HasBudget, owner: object, name: str) -> str:
    """Stand in for ``getattr``, by which a history refers to its own statistics."""
    if owner == Name(HISTORY) and name in STATISTICS:
        return name
    raise Refused(f"it asks for the attribute {said(name)} of an object")


def natural(number: object) -> int:
    """Check a size: a natural number."""
    if type(number) is not int or not 0 <= number < 1 << 60:
        raise Refused("it has a size that is none")
    return number


def naturals(numbers: object) -> tuple[int, ...]:
    """Check sizes, one a dimension."""
    if type(numbers) not in (tuple, torch.Size) or len(numbers) > MOST_DIMENSIONS:
        raise Refused("it has sizes that are none")
    return tuple(map(natural, numbers))


def said(value: object) -> str:
    """Say what a file asks for; a text or a name, else the kind of it alone."""
    if isinstance(value, (str, Name)):
        return shortened(repr(value) if isinstance(value, str) else value.text, 80)
    return type(value).__name__
