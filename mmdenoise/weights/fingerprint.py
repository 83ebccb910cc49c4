"""A digest of weights, by which a checkpoint knows its head again."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import torch
from torch import Tensor

__all__ = ["checked_fingerprint", "fingerprint"]


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
