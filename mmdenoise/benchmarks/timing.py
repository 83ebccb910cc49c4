"""Seconds of several functions, measured so that they can be compared.

One after another in each round: what slows the machine down for a while slows all of
them down, and ratios are taken within a round.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from statistics import median

import torch

__all__ = ["interleaved_seconds", "quartiles", "ratios"]


def interleaved_seconds(
    functions: Mapping[str, Callable[[], object]],
    rounds: int,
    warm_up: int = 1,
    after: Callable[[str, float | None], None] | None = None,
) -> dict[str, list[float]]:
    """Time functions in interleaved rounds, after rounds that do not count.

    Args:
        functions: By their names.
        rounds: How often each is timed.
        warm_up: How often each is run before.
        after: Called after each run with the name, and its seconds.

    Returns:
        For each name, one time a round, in seconds. Work that a function leaves on a
        CUDA device is waited for.

    Raises:
        ValueError: If ``rounds`` is below 1 or ``warm_up`` below 0.
    """
    if rounds < 1 or warm_up < 0:
        raise ValueError(
            f"timing needs at least 1 round and no negative warm-up, got {rounds} and "
            f"{warm_up}"
        )
    seconds: dict[str, list[float]] = {name: [] for name in functions}
    for index in range(warm_up + rounds):
        for name, function in functions.items():
            start = _now()
            function()
            taken = _now() - start
            if index >= warm_up:
                seconds[name].append(taken)
            if after is not None:
                after(name, taken)
    return seconds


def _now() -> float:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


def ratios(seconds: list[float], base: list[float]) -> list[float]:
    """How many times as long as ``base`` each round took."""
    return [one / other for one, other in zip(seconds, base)]


def quartiles(values: list[float]) -> tuple[float, float, float]:
    """First quartile, median and third quartile, interpolated."""
    levels = torch.tensor([0.25, 0.5, 0.75], dtype=torch.float64)
    low, _, high = torch.tensor(values, dtype=torch.float64).quantile(levels).tolist()
    return low, median(values), high
