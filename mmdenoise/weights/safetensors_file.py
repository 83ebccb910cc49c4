"""Files of safetensors: the header is checked before the library reads the numbers."""

from __future__ import annotations

import json
import os

from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor

__all__ = ["read_metadata", "read_safetensors"]

# A header has 100 bytes for a tensor.
LONGEST_HEADER = 1 << 24
# The library takes a tenth of a millisecond for one, however empty it is.
MOST_TENSORS = 20_000
MOST_DIMENSIONS = 25
METADATA = "__metadata__"


def read_safetensors(path: str) -> dict[str, Tensor]:
    """Read the tensors of a file, to the CPU.

    Raises:
        ValueError: If its header is none. The library raises ``SafetensorError``.
    """
    _check_header(path)
    return load_file(path)


def read_metadata(path: str) -> dict[str, str]:
    """Read what a file says of itself.

    Raises:
        ValueError: As :func:`read_safetensors`.
    """
    _check_header(path)
    with safe_open(path, "pt") as file:
        return file.metadata() or {}


def _check_header(path: str) -> None:
    whole = os.path.getsize(path)
    with open(path, "rb") as file:
        size = int.from_bytes(file.read(8), "little")
        if size > min(whole - 8, LONGEST_HEADER):
            raise ValueError(
                "its header is longer than the file, or than any network's"
            )
        try:
            header = json.loads(file.read(size).decode())
        except (RecursionError, ValueError):
            raise ValueError("its header is not readable") from None
    if not isinstance(header, dict):
        raise ValueError("its header is not readable")
    if len(header) > MOST_TENSORS:
        raise ValueError(f"it has more than {MOST_TENSORS:,} tensors")
    for key, entry in header.items():
        shape = entry.get("shape") if isinstance(entry, dict) else None
        if key != METADATA and not _is_shape(shape):
            raise ValueError("its header has a tensor without a shape")


def _is_shape(shape: object) -> bool:
    return (
        isinstance(shape, list)
        and len(shape) <= MOST_DIMENSIONS
        and all(type(size) is int and 0 <= size < 1 << 60 for size in shape)
    )
