"""What a file may make of itself: so many bytes, so deep."""

from __future__ import annotations

import pickle
from collections import Counter, OrderedDict

import numpy as np
import torch
from mmengine.logging import HistoryBuffer

__all__ = ["Budget", "refuse_strange"]

DEEPEST = 64
# A file's lists may be named again and again; written out they may have so many items.
MOST_ITEMS = 20_000_000
# And so many lists and dicts: an optimiser has one for each parameter.
MOST_CONTAINERS = 200_000
LEAVES = (
    *(type(None), bool, int, float, complex, str, bytes, bytearray, slice),
    *(torch.Tensor, torch.nn.Parameter, torch.Size, torch.dtype, torch.device),
)


class Budget:
    """Bytes that a file may still make.

    Args:
        limit: How many there are.
    """

    def __init__(self, limit: int) -> None:
        self.limit = self.left = limit

    def spend(self, amount: int) -> None:
        """Take some.

        Raises:
            pickle.UnpicklingError: If there are not so many left.
        """
        self.left -= amount
        if self.left < 0:
            raise pickle.UnpicklingError(
                f"it holds more than {self.limit:,} bytes, which its size does not "
                "account for"
            )


def refuse_strange(content: object) -> None:
    """Go through what was read, and refuse what is no data, or nested without end.

    Raises:
        pickle.UnpicklingError: Naming what it is.
    """
    known: dict[int, tuple[int, int] | None] = {}  # depth and size; None while open
    todo = [content]
    while todo:
        item = todo[-1]
        if id(item) in known and known[id(item)] is not None:
            todo.pop()
            continue
        inner = [child for child in _children(item) if not _is_leaf(child)]
        if id(item) not in known:
            known[id(item)] = None
            if len(known) > MOST_CONTAINERS:
                raise pickle.UnpicklingError(
                    f"it has more than {MOST_CONTAINERS:,} lists and dicts"
                )
            for child in inner:
                if known.get(id(child), ()) is None:
                    raise pickle.UnpicklingError("it holds a list within itself")
            todo.extend(inner)
            if len(todo) > MOST_ITEMS:
                raise pickle.UnpicklingError("it is nested without end")
            continue
        found = [known[id(child)] for child in inner]
        depth = 1 + max((depth for depth, _ in found), default=0)
        size = 1 + sum(size for _, size in found)
        if depth > DEEPEST or size > MOST_ITEMS:
            raise pickle.UnpicklingError(
                f"its lists and dicts are nested more than {DEEPEST} deep"
                if depth > DEEPEST
                else f"its lists and dicts have more than {MOST_ITEMS:,} items"
            )
        known[id(item)] = depth, size
        todo.pop()


def _is_leaf(item: object) -> bool:
    return type(item) in LEAVES or isinstance(item, (np.generic, np.dtype))


def _children(item: object) -> list:
    """What a container holds.

    Raises:
        pickle.UnpicklingError: If it is none, and no number, text or tensor either.
    """
    kind = type(item)
    if kind in (dict, OrderedDict, Counter):
        return [*item.values(), *getattr(item, "__dict__", {}).values()]
    if kind in (list, tuple):
        return list(item)
    # An array is of numbers, a history of two arrays, a set of keys.
    if kind in (np.ndarray, HistoryBuffer, set) or _is_leaf(item):
        return []
    raise pickle.UnpicklingError(f"it holds a {kind.__name__} and no data")
