"""A config's cascade with trained weights, whatever kind of file they are in."""

from __future__ import annotations

import os

from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch import nn

from mmdenoise.apis.methods import Method
from mmdenoise.registry import MODELS
from mmdenoise.weights.mmengine_loading import safe_loading
from mmdenoise.weights.named_weights import find_weights
from mmdenoise.weights.zoo import resolve

__all__ = ["check_cascade", "load_cascade"]


def check_cascade(cfg: Config) -> None:
    """Refuse a config of anything else.

    Raises:
        ValueError: Naming its file.
    """
    if "denoiser" not in cfg.get("model", {}):
        raise ValueError(
            f"{cfg.filename or 'the config'} is no cascade's config: it has no "
            "model.denoiser in front of its head"
        )


@safe_loading()
def load_cascade(
    cfg: Config,
    checkpoint: str | None,
    device: str = "cpu",
    sigma: float | None = None,
    **changes: object,
) -> nn.Module:
    """Build a config's cascade with trained weights.

    Args:
        cfg: Config of a cascade.
        checkpoint: A cascade's checkpoint, or whatever
            :func:`mmdenoise.apis.load_denoiser` takes; None takes the config's
            ``denoiser_checkpoint``.
        device: Where to put it.
        sigma: Level of the noise in 8-bit units, that stands for ``{sigma}`` in
            ``checkpoint``.
        **changes: Of the config's ``model``: ``noise=None``, for instance.

    Returns:
        The cascade in evaluation mode.

    Raises:
        FileNotFoundError, RuntimeError, ValueError: If the config is no cascade's, or
            a checkpoint is missing, corrupt or does not fit, by name.
    """
    check_cascade(cfg)
    init_default_scope(cfg.get("default_scope", "mmengine"))
    config = dict(cfg.model, **changes)
    state = None
    if checkpoint is not None:
        path = resolve(checkpoint)
        found = find_weights(path) if os.path.isfile(path) else None
        if found is not None and found.is_cascade:
            # It replaces whatever the training began from, which may be gone.
            state, config["denoiser_checkpoint"] = found.state, None
        else:
            values = {} if sigma is None else dict(sigma=sigma)
            config.update(Method("", checkpoint).model(values))
            config["denoiser"] = dict(config["denoiser"])
            config["denoiser"].pop("_delete_", None)
    model = MODELS.build(config)
    if state is not None:
        model.load_state_dict(state)
    return model.to(device).eval()
