"""Take the denoiser out of a checkpoint, into a file that says what it is."""

from __future__ import annotations

from collections.abc import Mapping

from mmengine.config import Config, ConfigDict
from torch import Tensor

from mmdenoise.registry import MODELS
from mmdenoise.weights.config_record import model_in_text
from mmdenoise.weights.denoiser_file import write_denoiser_file
from mmdenoise.weights.denoiser_table import checked_denoiser
from mmdenoise.weights.fingerprint import checked_fingerprint, fingerprint
from mmdenoise.weights.reader import open_checkpoint
from mmdenoise.weights.state_dicts import denoiser_weights, weights_in
from mmdenoise.weights.strict_loading import load_strictly

__all__ = ["export_denoiser"]

EMA = "ema_state_dict"


def export_denoiser(
    checkpoint: str, out: str, cfg: Config | None = None, ema: bool | None = None
) -> dict[str, str]:
    """Write the denoiser of a checkpoint as a denoiser file.

    MMEngine's ``EMAHook`` swaps as it saves: with EMA the averaged weights stand under
    ``state_dict``, which is what every test of the checkpoint sees, and the training's
    own under ``ema_state_dict``.

    Args:
        checkpoint: A cascade's or denoiser's checkpoint.
        out: A ``.safetensors`` or ``.pth`` file.
        cfg: The training's config; None takes the model that the checkpoint's own
            record of it (``meta.cfg``) describes.
        ema: True insists on averaged weights, False takes the training's own, None
            what tests of the checkpoint see.

    Returns:
        The file's metadata.

    Raises:
        FileNotFoundError, RuntimeError, ValueError: If the checkpoint holds no denoiser
            or not that of the config, each named.
    """
    content = open_checkpoint(checkpoint)
    what = f"checkpoint {checkpoint!r}"
    averaged = isinstance(content, dict) and EMA in content
    if ema and not averaged:
        raise ValueError(f"--ema: {what} holds no averaged weights")
    if averaged and ema is False:
        kept = content[EMA].items()
        content = dict(content, state_dict={k: v for k, v in kept if k != "steps"})
        averaged = False
    whole = weights_in(content, what)
    meta = content.get("meta") if isinstance(content, dict) else None
    meta = meta if isinstance(meta, dict) else {}
    iteration = meta.get("iter")
    model = _cascade_config(cfg, meta)
    state = denoiser_weights(whole)
    # A config is the user's own; what the file itself says may come from anyone.
    denoiser = model["denoiser"]
    if cfg is None:
        denoiser = checked_denoiser(denoiser, f"{what}, in its record of a config,")
        if "checkpoint" in denoiser:
            denoiser["checkpoint"] = checkpoint
    built = MODELS.build(ConfigDict(denoiser))
    load_strictly(built, state, what)
    return write_denoiser_file(
        out,
        built.state_dict(),
        denoiser,
        noise=model.get("noise"),
        head_fingerprint=_head_fingerprint(whole),
        iteration=iteration if type(iteration) is int else None,
        averaged=averaged,
    )


def _cascade_config(cfg: Config | None, meta: Mapping) -> Mapping:
    """The config of the cascade, the user's or else the checkpoint's record of it."""
    model = cfg.get("model") if cfg is not None else model_in_text(meta.get("cfg"))
    if not isinstance(model, dict) or "denoiser" not in model:
        source = "the config" if cfg is not None else "the checkpoint's record of one"
        raise ValueError(
            f"{source} describes no cascade (model.denoiser): name the training's "
            "config with --config"
        )
    return model


def _head_fingerprint(state: Mapping[str, Tensor]) -> Tensor | None:
    """Tell the head: a checkpoint has it, or its fingerprint, or was without one."""
    if "head_fingerprint" in state:
        return checked_fingerprint(state["head_fingerprint"])
    head = {k[len("head.") :]: v for k, v in state.items() if k.startswith("head.")}
    # What MMEngine writes and PyTorch does not keep.
    head = {k: v for k, v in head.items() if not k.startswith("data_preprocessor.")}
    return fingerprint(head) if head else None
