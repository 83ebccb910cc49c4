"""What a pickled checkpoint may hold, by the names in the file.

Whatever stands under a name is made here of checked numbers: no class of a file is
instantiated by it, no state of it set, no attribute looked up.
"""

from __future__ import annotations

import math
import pickle
from collections import Counter, OrderedDict
from dataclasses import dataclass
from functools import partial
from typing import Callable

import torch
from torch import Tensor

from mmdenoise.weights.limits import Budget
from mmdenoise.weights.pickled_arrays import (
    HISTORY,
    Name,
    Pending,
    begun_array,
    begun_dtype,
    history,
    natural,
    naturals,
    said,
    scalar,
    statistic,
)
from mmdenoise.weights.pickled_containers import (
    checked_key,
    made_bytearray,
    made_bytes,
    made_complex,
    made_counter,
    made_ordered,
    made_set,
    made_slice,
)
from mmdenoise.weights.shortened import shortened

__all__ = ["Storage", "Values"]

Refused = pickle.UnpicklingError
ReadStorage = Callable[[str, torch.dtype, int, str], Tensor]
STORAGES = {
    f"torch.{name}Storage": dtype
    for name, dtype in dict(
        Float=torch.float32,
        Double=torch.float64,
        Half=torch.float16,
        BFloat16=torch.bfloat16,
        Long=torch.int64,
        Int=torch.int32,
        Short=torch.int16,
        Char=torch.int8,
        Byte=torch.uint8,
        Bool=torch.bool,
        ComplexFloat=torch.complex64,
        ComplexDouble=torch.complex128,
    ).items()
}
# Bytes that a tensor takes beside its numbers; a file has more for each of its own.
TENSOR_ITSELF = 512
TORCH_DTYPES = {
    f"torch.{k}": v for k, v in vars(torch).items() if isinstance(v, torch.dtype)
}
# Kinds of tensors that are no dense numbers, by what rebuilds them.
OTHER_TENSORS = {
    "_rebuild_qtensor": "quantised",
    "_rebuild_sparse_tensor": "sparse",
    "_rebuild_nested_tensor": "nested",
    "_rebuild_meta_tensor_no_storage": "meta",
    "_rebuild_device_tensor_from_numpy": "other devices'",
    "_rebuild_device_tensor_from_cpu_tensor": "other devices'",
    "_rebuild_wrapper_subclass": "wrapped",
}


@dataclass(frozen=True)
class Storage:
    """Numbers of a file, from which tensors are cut: (numel,)."""

    numbers: Tensor


class Values:
    """Make the values of one file.

    Args:
        read_storage: Gives the numbers of a storage, (numel,), by its key, its dtype,
            how many there are, and the device that they were saved from.
        budget: Bytes that the file may make.
    """

    def __init__(self, read_storage: ReadStorage, budget: Budget) -> None:
        self.read_storage = read_storage
        self.budget = budget

    def named(self, module: str, name: str) -> object:
        """Return what a name stands for; of the list, whatever is importable."""
        module = {"__builtin__": "builtins"}.get(module, module)
        full = f"{module}.{name}"
        if full in TORCH_DTYPES:
            return TORCH_DTYPES[full]
        if full in CALLS or full in STORAGES or full in (HISTORY, "numpy.ndarray"):
            return Name(full)
        if name in OTHER_TENSORS and module == "torch._utils":
            raise Refused(
                f"Unsupported tensors: {OTHER_TENSORS[name]}, where dense numbers are "
                "read"
            )
        raise Refused(f"Unsupported global: GLOBAL {shortened(full, 100)}")

    def called(self, name: object, arguments: object) -> object:
        """Make what a call of a name would return."""
        call = CALLS.get(name.text) if isinstance(name, Name) else None
        if call is None or type(arguments) is not tuple:
            raise Refused(f"it asks for a call of {said(name)}")
        return call(self, *arguments)

    def new(self, name: object, arguments: object) -> Pending:
        """Begin a history of scalars, the only object that is made without a call."""
        if name != Name(HISTORY) or arguments != ():
            raise Refused(f"it asks for an object of {said(name)}")
        return Pending(partial(history, self))

    def finished(self, made: object, state: object) -> object:
        """Make what was begun, of its state."""
        if isinstance(made, Pending):
            return made.finish(state)
        # By PyTorch, of a module's versions.
        if type(made) is OrderedDict and type(state) is dict:
            metadata = state.get("_metadata")
            if list(state) == ["_metadata"] and _is_metadata(metadata):
                made._metadata = metadata
                return made
        raise Refused(f"it sets the state of {said(made)}")

    def fill(self, target: object, items: list) -> None:
        """Put keys and values, by turns, into a dict."""
        if type(target) not in (dict, OrderedDict, Counter):
            raise Refused(f"it sets items of {said(target)}")
        if len(items) % 2:
            raise Refused("it has a key without a value")
        for key, value in zip(items[::2], items[1::2]):
            target[checked_key(self, key)] = value

    def storage(self, identity: object) -> Storage:
        """Read the numbers that a persistent identity names."""
        if type(identity) is not tuple or identity[:1] != ("storage",):
            raise Refused("it refers to more than tensors' storages")
        _, kind, key, location, count, *view = identity
        dtype = STORAGES.get(kind.text) if isinstance(kind, Name) else None
        if dtype is None or view not in ([], [None]):
            raise Refused("it has storages of a form that is not read: save it again")
        if type(key) is not str or type(location) is not str:
            raise Refused("it refers to more than tensors' storages")
        return Storage(self.read_storage(key, dtype, natural(count), location))


def _tensor(
    values: Values, storage: Storage, offset: int, size: tuple, stride: tuple, *more
) -> Tensor:
    """Cut a tensor out of a storage, within its bounds."""
    if type(storage) is not Storage:
        raise Refused("it rebuilds a tensor of no storage")
    offset, size, stride = natural(offset), naturals(size), naturals(stride)
    if len(size) != len(stride):
        raise Refused("it has a tensor of as many strides as no sizes")
    count = math.prod(size)
    last = offset + sum((n - 1) * step for n, step in zip(size, stride)) if count else 0
    numbers = storage.numbers
    if last >= max(len(numbers), 1) or (count and not len(numbers)):
        raise Refused("it has a tensor beyond the end of its storage")
    # A stride of 0 shows one number many times, until it is copied.
    values.budget.spend(count * numbers.element_size() + TENSOR_ITSELF)
    tensor = numbers.as_strided(size, stride, offset if count else 0)
    requires_grad, _, *metadata = more or (False, None)
    if any(metadata):
        raise Refused("it has a conjugate or negative view of a tensor: save a copy")
    if requires_grad is True and (tensor.is_floating_point() or tensor.is_complex()):
        tensor.requires_grad_()
    return tensor


def _parameter(values: Values, data: Tensor, requires_grad: bool, hooks=None) -> Tensor:
    if type(data) is not Tensor:
        raise Refused("it has a parameter that is no tensor")
    numbers = data.is_floating_point() or data.is_complex()
    return torch.nn.Parameter(data.detach(), bool(requires_grad) and numbers)


def _size(values: Values, items: object = ()) -> torch.Size:
    return torch.Size(naturals(items))


def _device(values: Values, kind: str, index: int = 0) -> torch.device:
    if type(kind) is not str or len(kind) > 20:
        raise Refused("it names a device that is none")
    return torch.device(kind) if kind == "cpu" else torch.device(kind, natural(index))


def _is_metadata(metadata: object) -> bool:
    return isinstance(metadata, dict) and all(
        type(key) is str and type(value) is dict for key, value in metadata.items()
    )


# What may be called, by name. NumPy's module has one name in files of NumPy 1 and
# another in those of NumPy 2.
CALLS: dict[str, Callable] = {
    "_codecs.encode": made_bytes,
    "builtins.bytearray": made_bytearray,
    "builtins.bytes": made_bytes,
    "builtins.complex": made_complex,
    "builtins.getattr": statistic,
    "builtins.set": made_set,
    "builtins.slice": made_slice,
    "collections.Counter": made_counter,
    "collections.OrderedDict": made_ordered,
    "numpy.dtype": begun_dtype,
    "numpy.core.multiarray._reconstruct": begun_array,
    "numpy._core.multiarray._reconstruct": begun_array,
    "numpy.core.multiarray.scalar": scalar,
    "numpy._core.multiarray.scalar": scalar,
    "torch.Size": _size,
    "torch.device": _device,
    "torch._utils._rebuild_parameter": _parameter,
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor,
}
