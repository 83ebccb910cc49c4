"""Which precision a config's denoiser computes in; its head stays in float32."""

from __future__ import annotations

import copy

from mmengine.config import Config
from mmengine.device import get_device

from mmdenoise.precision import choose_precision

__all__ = ["precision_in", "with_precision"]

KEY = "denoiser_precision"


def with_precision(
    cfg: Config, precision: str, auto: str = "float32", device: str | None = None
) -> Config:
    """Copy a config of a cascade, whose denoiser then computes in a precision.

    Args:
        cfg: The config.
        precision: ``'float32'``, ``'bfloat16'``, or ``'auto'``: what the config's model
            says, or else ``auto``.
        auto: ``'float32'`` for what reports numbers; ``'auto'``, bfloat16 where there
            are instructions, for what writes pictures.
        device: Where it will run; None is where MMEngine's Runner does.

    Raises:
        ValueError: If there is no such precision, or the device lacks what is asked.
    """
    cfg = copy.deepcopy(cfg)
    # Left out where it is the default: a result's key is that of the config without it.
    own = cfg.model.pop(KEY, auto)
    asked = own if precision == "auto" else precision
    chosen = choose_precision(asked, device or get_device())
    if chosen != "float32":
        cfg.model[KEY] = chosen
    return cfg


def precision_in(cfg: Config) -> str:
    """What :func:`with_precision` chose: ``'float32'`` or ``'bfloat16'``."""
    return cfg.model.get(KEY, "float32")
