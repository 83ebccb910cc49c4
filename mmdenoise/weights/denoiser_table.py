"""The denoisers that a file may name, and the options that it may set.

A file of weights comes from anyone. What it says of its network reaches neither an
import nor a registry: it is looked up in this table, and options are held to ranges in
which building the network takes a moment and little memory. A config is a program of
the user's own and is not held to them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mmdenoise.weights.shortened import shortened

__all__ = ["Choice", "Integers", "Norm", "Numbers", "checked_denoiser", "permit"]

OURS = "mmdenoise."


@dataclass(frozen=True)
class Integers:
    """Whole numbers of a range, multiples of ``step``."""

    low: int
    high: int
    step: int = 1

    def accepts(self, value: object) -> bool:
        """Whether a file may set this value."""
        whole = type(value) is int
        return whole and self.low <= value <= self.high and value % self.step == 0

    def __str__(self) -> str:
        step = f", multiples of {self.step}" if self.step > 1 else ""
        return f"whole numbers from {self.low} to {self.high}{step}"


@dataclass(frozen=True)
class Numbers:
    """Finite numbers of a range, or None."""

    low: float
    high: float

    def accepts(self, value: object) -> bool:
        """Whether a file may set this value."""
        return value is None or (
            type(value) in (int, float)
            and math.isfinite(value)
            and self.low <= value <= self.high
        )

    def __str__(self) -> str:
        return f"numbers from {self.low:g} to {self.high:g}, and null"


@dataclass(frozen=True)
class Choice:
    """Some values, told apart by their type, too."""

    values: tuple

    def accepts(self, value: object) -> bool:
        """Whether a file may set this value."""
        return any(type(value) is type(v) and value == v for v in self.values)

    def __str__(self) -> str:
        return " and ".join(map(repr, self.values))


@dataclass(frozen=True)
class Norm:
    """A batch norm of MMCV's, or none."""

    types: tuple = ("BN", "BN2d", "SyncBN", "MMSyncBN")

    def accepts(self, value: object) -> bool:
        """Whether a file may set this value."""
        if value is None:
            return True
        if not isinstance(value, dict) or value.get("type") not in self.types:
            return False
        limits = dict(
            type=Choice(self.types),
            eps=Numbers(0, 1),
            momentum=Numbers(0, 1),
            requires_grad=FLAG,
        )
        return all(k in limits and limits[k].accepts(v) for k, v in value.items())

    def __str__(self) -> str:
        return f"batch norms ({', '.join(self.types)}), and null"


class Anything:
    """An option whose value in a file is not used."""

    def accepts(self, value: object) -> bool:
        """Whether a file may set this value."""
        return True


FLAG = Choice((True, False))
LEVEL = Numbers(0, 255)
DEPTH, WIDTH = Integers(2, 40), Integers(1, 256)
_table: dict[str, dict[str, Any]] = {
    "IdentityDenoiser": {},
    "MultiScaleDenoiser": dict(
        scales=Integers(2, 5),
        encoder_channels=Integers(4, 512, 4),
        decoder_channels=Integers(4, 512, 4),
        stem_channels=Integers(1, 512),
        global_skip=FLAG,
        downsample=Choice(("conv", "pool")),
        fusion=Choice(("concat", "sum")),
        norm_cfg=Norm(),
        takes_sigma=FLAG,
        sigma=LEVEL,
    ),
    "DnCNN": dict(depth=DEPTH, channels=WIDTH, norm_cfg=Norm()),
    "FFDNet": dict(sigma=LEVEL, depth=DEPTH, channels=WIDTH, norm_cfg=Norm()),
    # It takes its architecture from the file that is opened, whatever that says.
    "SpandrelDenoiser": dict(checkpoint=Anything(), sigma=LEVEL),
}


def permit(name: str, **options: object) -> None:
    """Let files name a denoiser of your own.

    Args:
        name: Under which the class is registered in ``mmdenoise.registry.MODELS``.
        options: What a file may set: :class:`Integers`, :class:`Numbers`,
            :class:`Choice` or :class:`Norm`, by the option's name.
    """
    _table[name] = options


def checked_denoiser(config: object, what: str) -> dict:
    """Check what a file says of its denoiser.

    Args:
        config: ``{"type": ..., option: value}``, as the file has it.
        what: The file, for the error.

    Returns:
        A config of plain values, with the type as ``mmdenoise.X``.

    Raises:
        ValueError: Naming what a file may not say, and what it may.
    """
    kind = config.get("type") if isinstance(config, Mapping) else None
    name = kind[len(OURS) :] if str(kind).startswith(OURS) else kind
    if not isinstance(name, str) or name not in _table:
        raise ValueError(
            f"{what} says that it holds a {shortened(repr(kind), 60)}; a file may name "
            f"{', '.join(_table)}"
        )
    limits = _table[name]
    checked = dict(type=OURS + name)
    for option, value in config.items():
        if option == "type":
            continue
        if option not in limits:
            raise ValueError(
                f"{what} sets an option {shortened(repr(option), 60)} that {name} does "
                f"not have; a file may set {', '.join(limits) or 'none'}"
            )
        value = list(value) if isinstance(value, tuple) else value
        if not limits[option].accepts(value):
            raise ValueError(
                f"{what} sets {option}={shortened(repr(value), 60)} of {name}; a file "
                f"may set {limits[option]}"
            )
        checked[option] = dict(value) if isinstance(value, dict) else value
    return checked
