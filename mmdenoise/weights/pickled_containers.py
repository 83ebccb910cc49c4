"""Texts, dicts, sets and the like, as a pickle calls for them."""

from __future__ import annotations

import pickle
from collections import Counter, OrderedDict

import torch

from mmdenoise.weights.pickled_arrays import HasBudget, said

__all__ = [
    "checked_key",
    "made_bytearray",
    "made_bytes",
    "made_complex",
    "made_counter",
    "made_ordered",
    "made_set",
    "made_slice",
]

Refused = pickle.UnpicklingError
# Of a key that is a tuple.
MOST_PARTS = 4
# Tuples of one hash are easily found, and each is compared with all before it: so they
# count for more bytes than they take, and a file has some thousand of them.
TUPLE_KEY = 10_000


def made_bytes(values: HasBudget, text: str = "", encoding: str = "latin1") -> bytes:
    """Stand in for ``codecs.encode``, as which bytes are written, and for ``bytes``."""
    if type(encoding) is not str or encoding.replace("-", "") != "latin1":
        raise Refused(f"it asks for the encoding {said(encoding)}")
    if type(text) is bytes:
        return text
    if type(text) is not str:
        raise Refused("it asks for bytes of no text")
    values.budget.spend(len(text))
    return text.encode("latin1")


def made_bytearray(values: HasBudget, *arguments) -> bytearray:
    """Make a bytearray, of what bytes are made."""
    return bytearray(made_bytes(values, *arguments))


def made_counter(values: HasBudget, counts: object = ()) -> Counter:
    """Make a counter, of a dict or pairs."""
    return Counter(made_ordered(values, counts))


def made_ordered(values: HasBudget, items: object = ()) -> OrderedDict:
    """Make an ordered dict, of a dict or pairs."""
    if type(items) in (dict, OrderedDict):
        items = list(items.items())
    pairs = _items(values, items)
    if not all(type(pair) in (list, tuple) and len(pair) == 2 for pair in pairs):
        raise Refused("it has a dict of what are no pairs")
    return OrderedDict((checked_key(values, key), value) for key, value in pairs)


def made_set(values: HasBudget, items: object = ()) -> set:
    """Make a set of plain items."""
    return {checked_key(values, item) for item in _items(values, items)}


def made_slice(values: HasBudget, *parts) -> slice:
    """Make a slice of whole numbers."""
    if not all(part is None or type(part) is int for part in parts):
        raise Refused("it has a slice of no numbers")
    return slice(*parts)


def made_complex(values: HasBudget, real: float, imaginary: float) -> complex:
    """Make a complex number."""
    if not {type(real), type(imaginary)} <= {int, float}:
        raise Refused("it has a complex number of no numbers")
    return complex(real, imaginary)


def _items(values: HasBudget, items: object) -> list | tuple:
    if type(items) not in (list, tuple):
        raise Refused("it fills a container of no list")
    # Each time anew, however often the list is named: about so many bytes an item.
    values.budget.spend(100 * len(items))
    return items


def checked_key(values: HasBudget, key: object) -> object:
    """Check a dict's key or a set's item: hashing what is nested may never end."""
    parts = key if type(key) is tuple else (key,)
    plain = (str, int, float, bool, bytes, type(None), torch.dtype, torch.device)
    if len(parts) > MOST_PARTS or not all(type(part) in plain for part in parts):
        raise Refused(f"it has a key that is no number and no text: {said(key)}")
    if any(type(part) is int and abs(part) >= 1 << 60 for part in parts):
        raise Refused("it has a key that is too large a number")
    if type(key) is tuple:
        values.budget.spend(TUPLE_KEY)
    return key
