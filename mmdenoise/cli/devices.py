"""Where a command computes: ``--device`` and ``--threads``."""

from __future__ import annotations

import torch

__all__ = ["choose_device", "use_threads"]


def choose_device(given: str | None) -> str:
    """Read ``--device``; without it the first GPU, or the CPU if there is none.

    Raises:
        ValueError: If there is no such device.
    """
    if given is None:
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(given)
    except RuntimeError:
        raise ValueError(
            f"--device is cpu, cuda or cuda:1 for instance, got {given!r}"
        ) from None
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if device.type == "cuda" and (device.index or 0) >= gpus:
        raise ValueError(
            f"--device {given}: PyTorch finds {gpus or 'no'} GPU{'s' * (gpus != 1)}; "
            f"{'they count from cuda:0' if gpus else 'leave it out, or take cpu'}"
        )
    return given


def use_threads(given: int | None) -> None:
    """Obey ``--threads``.

    Raises:
        ValueError: If it is below 1.
    """
    if given is None:
        return
    if given < 1:
        raise ValueError(f"--threads must be at least 1, got {given}")
    torch.set_num_threads(given)
