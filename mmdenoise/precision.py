"""In what precision to compute: float32, or bfloat16 where there are instructions.

bfloat16 has the range of float32 and 8 bits of precision, so that a loss needs no
scaling. A CPU without instructions for it emulates them, many times slower than it
computes in float32: they are looked for, never assumed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache

import torch
from torch import Tensor, nn

__all__ = [
    "PRECISIONS",
    "autocast",
    "checked_precision",
    "choose_precision",
    "has_bfloat16",
    "precision_for",
    "run_network",
]

PRECISIONS = ("auto", "float32", "bfloat16")
# As the Linux kernel and PyTorch name them: of Intel's and AMD's CPUs, then of Arm's.
INSTRUCTIONS = {"avx512_bf16", "amx_bf16", "avx10_2", "bf16", "arm_bf16"}
CPU_INFO = "/proc/cpuinfo"


def has_bfloat16(device: str | torch.device = "cpu") -> bool:
    """Whether a device computes in bfloat16 itself."""
    kind = torch.device(device).type
    if kind == "cuda":
        if not (torch.cuda.is_available() and torch.cuda.is_bf16_supported()):
            return False
        # NVIDIA's before compute capability 8.0 emulate it, and PyTorch says yes.
        major, _ = torch.cuda.get_device_capability(device)
        return torch.version.hip is not None or major >= 8
    return kind == "cpu" and torch.backends.mkldnn.is_available() and _cpu_has_it()


def checked_precision(precision: str, known: Sequence[str]) -> str:
    """Refuse a precision that is none of those known.

    Raises:
        ValueError: Naming it, and those.
    """
    if precision not in known:
        raise ValueError(
            f"precision must be one of {', '.join(known)}, got {precision!r}"
        )
    return precision


def choose_precision(precision: str, device: str | torch.device = "cpu") -> str:
    """Say what a computation runs in: ``'float32'`` or ``'bfloat16'``.

    Args:
        precision: One of ``PRECISIONS``; ``'auto'`` is bfloat16 where the device has
            the instructions.
        device: Where the computation runs.

    Raises:
        ValueError: If there is no such precision, or the device lacks what is asked.
    """
    checked_precision(precision, PRECISIONS)
    there = has_bfloat16(device)
    if precision == "auto":
        return "bfloat16" if there else "float32"
    if precision == "bfloat16" and not there:
        raise ValueError(
            f"precision 'bfloat16': the device {str(device)!r} has no instructions for "
            "it and would be slower than in float32: say 'auto' or 'float32'"
        )
    return precision


def precision_for(network: nn.Module, precision: str) -> str:
    """Say what a network computes in, where it lies: see :func:`choose_precision`.

    What has no weights is no network, and what has others than float32 keeps them: both
    compute as they are.
    """
    weights = next((p for p in network.parameters() if p.is_floating_point()), None)
    device = "cpu" if weights is None else weights.device
    chosen = choose_precision(precision, device)
    single = weights is not None and weights.dtype == torch.float32
    return chosen if single else "float32"


def run_network(
    network: nn.Module, precision: str, images: Tensor, *others: Tensor | None
) -> Tensor:
    """Run a network on images in a precision: see :func:`precision_for`.

    Args:
        network: The network.
        precision: ``'float32'`` leaves all as it is, an outer autocast included.
        images: (N, C, H, W); in bfloat16 the result has their type all the same.
        *others: The network's further arguments.
    """
    chosen = precision_for(network, precision)
    if chosen == "float32":
        return network(images, *others)
    with autocast(chosen, images.device):
        return network(images, *others).to(images.dtype)


def autocast(precision: str, device: str | torch.device) -> AbstractContextManager:
    """The context of a computation in what :func:`choose_precision` gave."""
    if precision == "float32":
        return nullcontext()
    return torch.autocast(torch.device(device).type, dtype=torch.bfloat16)


@lru_cache(maxsize=1)
def _cpu_has_it() -> bool:
    return bool(INSTRUCTIONS & _cpu_flags())


def _cpu_flags() -> set[str]:
    """What the CPU says that it can do; nothing where nobody says it."""
    capabilities = getattr(torch.cpu, "get_capabilities", None)  # PyTorch 2.11
    if capabilities is not None:
        return {name for name, there in capabilities().items() if there is True}
    try:
        with open(CPU_INFO, encoding="utf-8") as file:
            lines = re.findall(r"^(?:flags|Features)\s*:(.*)$", file.read(), re.M)
    except OSError:
        return set()
    # A core that lacks them would do the work of one that has them.
    return set.intersection(*(set(line.split()) for line in lines)) if lines else set()
