"""A pickle reader that can rebuild data and nothing else.

It interprets the few instructions that data needs. A name in a file is looked up in a
fixed list (:mod:`.pickled_values`) and is never imported; what stands under a name is
made from checked numbers, by code of ours.

PyTorch's own ``weights_only`` reader is not used: before 2.6 it can be made to run code
(CVE-2025-32434), and after that it needs a list of classes, NumPy's among them, whose
state a file could then set.
"""

from __future__ import annotations

import io
import pickle

from mmdenoise.weights.pickled_arrays import Pending, said
from mmdenoise.weights.pickled_values import Values

__all__ = ["Unpickler"]

# A checkpoint of 10,000 tensors has 400,000 instructions.
MOST_INSTRUCTIONS = 2_000_000
# Python's own implementations; the others are ours, below.
PLAIN = (
    *("PROTO", "STOP", "MARK", "GLOBAL", "NONE", "NEWTRUE", "NEWFALSE"),
    *("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"),
    *("BINUNICODE", "SHORT_BINSTRING"),
    *("EMPTY_DICT", "EMPTY_LIST", "EMPTY_TUPLE"),
    *("TUPLE", "TUPLE1", "TUPLE2", "TUPLE3"),
)


class _Instructions(dict):
    """The instructions by their code, of which a file may have so many."""

    left = MOST_INSTRUCTIONS

    def __getitem__(self, code: int):
        self.left -= 1
        if self.left < 0:
            raise pickle.UnpicklingError(
                f"it has more than {MOST_INSTRUCTIONS:,} instructions"
            )
        return super().__getitem__(code)

    def __missing__(self, code: int):
        raise pickle.UnpicklingError(f"Unsupported operand {code}")


class Unpickler(pickle._Unpickler):
    """Python's own unpickler in Python, with the instructions of data alone.

    Args:
        stream: One pickle, or several in a row, in memory.
        values: Makes what the file names.
    """

    dispatch = {
        getattr(pickle, name)[0]: pickle._Unpickler.dispatch[getattr(pickle, name)[0]]
        for name in PLAIN
    }

    def __init__(self, stream: io.BytesIO, values: Values) -> None:
        super().__init__(stream, encoding="utf-8")
        self.dispatch = _Instructions(self.dispatch)
        self.values = values

    def find_class(self, module: str, name: str) -> object:
        """Look a name up in the list; import nothing."""
        return self.values.named(module, name)

    def _put(self, index: int) -> None:
        value = self.stack[-1]
        self.memo[index] = value
        if isinstance(value, Pending):
            value.memo.append(index)

    def _get(self, index: int) -> None:
        value = self.memo.get(index)
        if isinstance(value, Pending) or index not in self.memo:
            raise pickle.UnpicklingError("it refers to what it has not made")
        self.append(value)

    def _reduce(self) -> None:
        arguments = self.stack.pop()
        self.stack[-1] = self.values.called(self.stack[-1], arguments)

    def _new(self) -> None:
        arguments = self.stack.pop()
        self.stack[-1] = self.values.new(self.stack[-1], arguments)

    def _build(self) -> None:
        state = self.stack.pop()
        made = self.stack[-1]
        finished = self.values.finished(made, state)
        self.stack[-1] = finished
        for index in made.memo if isinstance(made, Pending) else ():
            self.memo[index] = finished

    def _fill(self, items: list) -> None:
        self.values.fill(self.stack[-1], items)

    def _extend(self, items: list) -> None:
        if type(self.stack[-1]) is not list:
            raise pickle.UnpicklingError(f"it appends to {said(self.stack[-1])}")
        self.stack[-1].extend(items)

    def _set_item(self) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self._fill([key, value])

    def _persistent(self) -> None:
        self.stack[-1] = self.values.storage(self.stack[-1])

    def _number(self, size: int) -> int:
        return int.from_bytes(self.read(size), "little")

    dispatch[pickle.BINPUT[0]] = lambda self: self._put(self._number(1))
    dispatch[pickle.LONG_BINPUT[0]] = lambda self: self._put(self._number(4))
    dispatch[pickle.BINGET[0]] = lambda self: self._get(self._number(1))
    dispatch[pickle.LONG_BINGET[0]] = lambda self: self._get(self._number(4))
    dispatch[pickle.REDUCE[0]] = _reduce
    dispatch[pickle.NEWOBJ[0]] = _new
    dispatch[pickle.BUILD[0]] = _build
    dispatch[pickle.BINPERSID[0]] = _persistent
    dispatch[pickle.SETITEM[0]] = _set_item
    dispatch[pickle.SETITEMS[0]] = lambda self: self._fill(self.pop_mark())
    dispatch[pickle.APPEND[0]] = lambda self: self._extend([self.stack.pop()])
    dispatch[pickle.APPENDS[0]] = lambda self: self._extend(self.pop_mark())
