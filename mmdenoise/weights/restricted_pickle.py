"""A pickle module that can rebuild data and nothing else, for PyTorch below 2.6.

Those versions' own ``weights_only`` reader can be made to run code (CVE-2025-32434),
and has no place for the histories of scalars in MMEngine's checkpoints. Like theirs and
its successors, this one interprets the few instructions that data needs, and resolves
names by a fixed list instead of importing them.

PyTorch's readers take this module for ``pickle``: they use ``Unpickler`` and ``load``.
"""

import codecs
import pickle
from collections import Counter, OrderedDict
from typing import Callable

import numpy as np
import torch
from mmengine.logging import HistoryBuffer
from torch import _utils

__all__ = ["HARMLESS", "Unpickler", "load"]


def _statistic_of(owner: object, name: str) -> Callable:
    """Stand in for ``getattr``, by which a history refers to its own statistics."""
    if owner is HistoryBuffer and name in ("min", "max", "mean", "current"):
        return getattr(HistoryBuffer, name)
    raise pickle.UnpicklingError(f"it asks for the attribute {name!r} of an object")


def _bytes_of(text: str, encoding: str) -> bytes:
    """Stand in for ``codecs.encode``, as which bytes are written."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"it asks for the encoding {encoding!r}")
    return codecs.encode(text, encoding)


DTYPES = {type(np.dtype(code)) for code in np.typecodes["AllInteger"] + "?efd"}
_reconstruct = np.zeros(0).__reduce__()[0]
_scalar = np.float64(0).__reduce__()[0]

# What MMEngine's checkpoints hold beside tensors, by the names in the files. MMEngine
# has such a list as well, with ``getattr`` itself in it: a way out of any restriction.
# NumPy's module has one name in files of NumPy 1 and another in those of NumPy 2.
HARMLESS = {
    "builtins.bytes": bytes,
    "builtins.getattr": _statistic_of,
    "builtins.slice": slice,
    "collections.Counter": Counter,
    "mmengine.logging.history_buffer.HistoryBuffer": HistoryBuffer,
    "numpy.dtype": np.dtype,
    "numpy.ndarray": np.ndarray,
    **{
        f"numpy.{core}.multiarray.{function.__name__}": function
        for core in ("core", "_core")
        for function in (_reconstruct, _scalar)
    },
}
KNOWN = {
    **HARMLESS,
    **{f"torch.{k}": v for k, v in vars(torch).items() if isinstance(v, torch.dtype)},
    "_codecs.encode": _bytes_of,
    "builtins.bytearray": bytearray,
    "builtins.complex": complex,
    "builtins.set": set,
    "collections.OrderedDict": OrderedDict,
    "torch.Size": torch.Size,
    "torch.device": torch.device,
    **{
        f"torch._utils.{function.__name__}": function
        for function in (
            _utils._rebuild_parameter,
            _utils._rebuild_tensor,
            _utils._rebuild_tensor_v2,
        )
    },
}
# The others are named as an argument, or made without a call.
CALLED = [v for v in KNOWN.values() if v not in (np.ndarray, HistoryBuffer)]
FILLED = (dict, OrderedDict, Counter)


class _Instructions(dict):
    def __missing__(self, code: int):
        raise pickle.UnpicklingError(f"Unsupported operand {code}")


class Unpickler(pickle._Unpickler):
    """Python's own unpickler in Python, with the instructions of data alone."""

    dispatch = _Instructions(
        {
            getattr(pickle, name)[0]: pickle._Unpickler.dispatch[
                getattr(pickle, name)[0]
            ]
            for name in (
                *("PROTO", "STOP", "MARK", "GLOBAL", "NONE", "NEWTRUE", "NEWFALSE"),
                *("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"),
                *("BINUNICODE", "SHORT_BINSTRING"),
                *("EMPTY_DICT", "EMPTY_LIST", "EMPTY_SET", "EMPTY_TUPLE"),
                *("TUPLE", "TUPLE1", "TUPLE2", "TUPLE3"),
                *("BINGET", "LONG_BINGET", "BINPUT", "LONG_BINPUT"),
            )
        }
    )

    def find_class(self, module: str, name: str) -> object:
        """Look a name up in the list; import nothing."""
        module = {"__builtin__": "builtins"}.get(module, module)
        try:
            return KNOWN[f"{module}.{name}"]
        except KeyError:
            raise pickle.UnpicklingError(
                f"Unsupported global: GLOBAL {module}.{name}"
            ) from None

    def _reduce(self) -> None:
        arguments = self.stack.pop()
        function = self.stack[-1]
        if not any(function is known for known in CALLED):
            raise pickle.UnpicklingError(f"it asks for a call of {function!r}")
        self.stack[-1] = function(*arguments)

    def _new(self) -> None:
        arguments = self.stack.pop()
        kind = self.stack.pop()
        if kind is not HistoryBuffer or arguments:
            raise pickle.UnpicklingError(f"it asks for an object of {kind!r}")
        self.append(HistoryBuffer.__new__(HistoryBuffer))

    def _build(self) -> None:
        state = self.stack.pop()
        made = self.stack[-1]
        if type(made) in (OrderedDict, HistoryBuffer) and type(state) is dict:
            made.__dict__.update(state)
        elif type(made) is np.ndarray:
            made.__setstate__(state)
        # Version, byte order, and nothing that would make it more than a number's.
        elif type(made) in DTYPES and state[2:5] == (None, None, None):
            made.__setstate__(state)
        else:
            raise pickle.UnpicklingError(f"it sets the state of {type(made)!r}")

    def _fill(self, items: list) -> None:
        target = self.stack[-1]
        if type(target) not in FILLED:
            raise pickle.UnpicklingError(f"it sets items of {type(target)!r}")
        for key, value in zip(items[::2], items[1::2]):
            target[key] = value

    def _extend(self, items: list) -> None:
        target = self.stack[-1]
        if type(target) is not list:
            raise pickle.UnpicklingError(f"it appends to {type(target)!r}")
        target.extend(items)

    def _persistent(self) -> None:
        identity = self.stack.pop()
        if type(identity) is not tuple or identity[0] != "storage":
            raise pickle.UnpicklingError("it refers to more than tensors' storages")
        self.append(self.persistent_load(identity))

    def _set_item(self) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self._fill([key, value])

    dispatch[pickle.REDUCE[0]] = _reduce
    dispatch[pickle.NEWOBJ[0]] = _new
    dispatch[pickle.BUILD[0]] = _build
    dispatch[pickle.BINPERSID[0]] = _persistent
    dispatch[pickle.SETITEM[0]] = _set_item
    dispatch[pickle.SETITEMS[0]] = lambda self: self._fill(self.pop_mark())
    dispatch[pickle.APPEND[0]] = lambda self: self._extend([self.stack.pop()])
    dispatch[pickle.APPENDS[0]] = lambda self: self._extend(self.pop_mark())


def load(file, **options) -> object:
    """Read one object from a binary file; options as for ``pickle.load``."""
    return Unpickler(file, **options).load()
