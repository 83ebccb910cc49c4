"""Numbers of a training's config that MMEngine takes without a look at them."""

from __future__ import annotations

from numbers import Integral, Real

from mmengine.config import Config
from mmengine.registry import OPTIMIZERS

__all__ = ["check_numbers"]

COUNTS = (
    "train_cfg.max_iters",
    "train_cfg.max_epochs",
    "default_hooks.checkpoint.interval",
    "default_hooks.logger.interval",
)


def check_numbers(cfg: Config) -> None:
    """Refuse what would end in a training of nothing, or in an error far from here.

    Raises:
        ValueError: Naming the key: a count below 1, a learning rate or a seed that is
            no number, an optimiser or a hook without a type.
    """
    for key in COUNTS:
        value = _at(cfg, key)
        if value is not None and not (isinstance(value, Integral) and value >= 1):
            raise ValueError(f"{key} is a whole number from 1 on, got {value!r}")
    rate = _at(cfg, "optim_wrapper.optimizer.lr")
    if rate is not None and not (isinstance(rate, Real) and rate >= 0):
        raise ValueError(f"optim_wrapper.optimizer.lr is a number, got {rate!r}")
    seed = _at(cfg, "randomness.seed")
    if seed is not None and not (isinstance(seed, Integral) and seed >= 0):
        raise ValueError(f"randomness.seed is a whole number from 0 on, got {seed!r}")
    kind = _at(cfg, "optim_wrapper.optimizer.type")
    if isinstance(kind, str) and OPTIMIZERS.get(kind) is None:
        raise ValueError(
            f"optim_wrapper.optimizer.type: no optimiser is called {kind!r}"
        )
    for name, hook in (cfg.get("default_hooks") or {}).items():
        if hook is not None and not isinstance(hook, dict):
            raise ValueError(f"default_hooks.{name} is a dict or None, got {hook!r}")


def _at(cfg: Config, key: str) -> object:
    value: object = cfg
    for part in key.split("."):
        value = value.get(part) if isinstance(value, (dict, Config)) else None
    return value
