"""What a cascade's checkpoint holds, and which ones it accepts, in every loader.

Hooks rather than overridden methods: MMEngine's own loader and saver walk the modules
themselves and never call ``state_dict`` or ``load_state_dict``.
"""

import torch
from torch import Tensor, nn

from mmdenoise.weights.fingerprint import checked_fingerprint, fingerprint
from mmdenoise.weights.strict_loading import mismatch, refuse_not_finite

__all__ = ["check_state", "keep_denoiser_alone"]


def keep_denoiser_alone(
    module: nn.Module, state: dict, prefix: str, metadata: dict
) -> dict:
    """State-dict hook: a checkpoint holds the denoiser and the head's fingerprint."""
    for key in list(state):
        if key.startswith((f"{prefix}head.", f"{prefix}data_preprocessor.")):
            del state[key]
    return state


def check_state(
    module: nn.Module,
    state: dict,
    prefix: str,
    metadata: dict,
    strict: bool,
    missing: list,
    unexpected: list,
    errors: list,
) -> None:
    """Load hook: refuse, in every loader, a state that is not this cascade's.

    Raises:
        RuntimeError: If a ``denoiser.*`` key is missing, unknown or misshapen, or if
            the weights were trained in front of another head.
        ValueError: If a weight of the denoiser is NaN or infinite.
    """
    _check_denoiser(module.denoiser, state, f"{prefix}denoiser.")

    # What a loss measured of itself is its training's: taken where both have it.
    measured = module.joint_loss.state_dict(prefix=f"{prefix}joint_loss.")
    for name in [k for k in state if k.startswith(f"{prefix}joint_loss.")]:
        if name not in measured:
            del state[name]
    for name, value in measured.items():
        state.setdefault(name, value)

    key = f"{prefix}head_fingerprint"
    stored = state.pop(key, None)
    full = _part(state, f"{prefix}head.")
    for name in full:
        del state[f"{prefix}head.{name}"]
    if module.head is None:
        return
    own = module.head.state_dict()
    if full:
        stored = fingerprint({name: full[name] for name in own if name in full})
    if stored is not None:
        stored = checked_fingerprint(stored)
    own_print = module.head_fingerprint
    if stored is not None and not torch.equal(stored.cpu(), own_print.cpu()):
        raise RuntimeError(
            "the checkpoint was trained in front of another head: its fingerprint is "
            f"{_hex(stored)}, that of head_checkpoint {_hex(own_print)}; "
            "as denoiser_checkpoint its denoiser goes in front of any head"
        )
    # The head keeps its weights; to loaders that count keys, nothing is missing.
    state[key] = module.head_fingerprint
    state.update((f"{prefix}head.{name}", value) for name, value in own.items())


def _check_denoiser(denoiser: nn.Module, state: dict, prefix: str) -> None:
    given = _part(state, prefix)
    expected = denoiser.state_dict()
    # Some versions of MMEngine write buffers that PyTorch does not keep.
    for name in {n for n, _ in denoiser.named_buffers()} - set(expected):
        given.pop(name, None)
        state.pop(f"{prefix}{name}", None)
    if expected and not given:
        raise RuntimeError(
            "the checkpoint holds no denoiser.* keys, so it is not a cascade's; a task "
            "network's own weights go to head_checkpoint"
        )
    found = mismatch(expected, given)
    if found:
        raise RuntimeError(f"the checkpoint's denoiser does not fit: {found}")
    refuse_not_finite(given, "the checkpoint's denoiser")


def _part(state: dict, prefix: str) -> dict[str, Tensor]:
    return {k[len(prefix) :]: v for k, v in state.items() if k.startswith(prefix)}


def _hex(digest: Tensor) -> str:
    return bytes(digest.cpu().tolist()).hex()[:16]
