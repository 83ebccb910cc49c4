"""Find the weights in what a file holds: under which name, with which prefixes.

Training scripts wrap a state dict in a dict of more, and modules in modules. What is
understood is listed here; the rest is refused, with what the file holds instead.
"""

from __future__ import annotations

from collections.abc import Mapping

from mmengine.logging import print_log
from torch import Tensor

from mmdenoise.weights.reader import open_checkpoint
from mmdenoise.weights.shortened import shortened

__all__ = [
    "class_names_in",
    "denoiser_weights",
    "is_cascade",
    "read_state_dict",
    "weights_in",
]

PREFIX = "denoiser."
# Names of state dicts in checkpoints: MMEngine's and Lightning's, others', BasicSR's.
PLAIN = ("state_dict", "model", "model_state_dict", "params", "network", "net")
AVERAGED = ("ema_state_dict", "model_ema", "state_dict_ema", "params_ema", "ema")
# Of an averaged model, beside the weights.
COUNTERS = ("steps", "n_averaged")
# By torch.compile and by DataParallel, anywhere and in front.
COMPILED, PARALLEL = "_orig_mod.", "module."


def read_state_dict(
    path: str, what: str = "checkpoint", trusted: bool = False
) -> dict[str, Tensor]:
    """Read the weights of a checkpoint without running code from it.

    Args:
        path: A file that :func:`mmdenoise.weights.reader.open_checkpoint` reads.
        what: The name of the option it was given as, for the error.
        trusted: As for ``open_checkpoint``.

    Returns:
        Tensors by key, on the CPU, as :func:`weights_in` finds them.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is corrupt, holds no weights, or more than data.
    """
    return weights_in(open_checkpoint(path, what, trusted=trusted), f"{what}: {path!r}")


def class_names_in(content: object) -> tuple[str, ...] | None:
    """The classes that a head was trained on, as hosts write them into a checkpoint.

    Returns:
        Their names by label; None if the file does not say.
    """
    meta = content.get("meta") if isinstance(content, dict) else None
    meta = meta if isinstance(meta, dict) else {}
    data = meta.get("dataset_meta")
    # The hosts' older versions wrote them into `meta` itself.
    for place in (data if isinstance(data, dict) else {}, meta):
        for key in ("classes", "CLASSES"):
            names = place.get(key)
            if isinstance(names, (list, tuple)) and names:
                if all(isinstance(name, str) for name in names):
                    return tuple(names)
    return None


def weights_in(content: object, what: str) -> dict[str, Tensor]:
    """Find the weights in what a file holds.

    A file of one state dict, or a checkpoint that holds one under a usual name:
    averaged weights are taken where there are no others, and a line in the log says so.
    The prefixes of ``torch.compile``, ``DataParallel`` and averaging are removed.

    Raises:
        ValueError: Naming ``what``, if there are none, or two of one name.
    """
    state = _state_dict(content, what)
    rest = [key for key in state if key not in COUNTERS]
    if rest and all(key.startswith(PARALLEL) for key in rest):
        state = {key: state[key] for key in rest}
    renamed: dict[str, Tensor] = {}
    for key, value in state.items():
        key = key.replace(COMPILED, "")
        if key in renamed:
            raise ValueError(
                f"{what} holds {shortened(key, 80)} twice, compiled or not"
            )
        renamed[key] = value
    while all(key.startswith(PARALLEL) for key in renamed):
        renamed = {key[len(PARALLEL) :]: value for key, value in renamed.items()}
    return renamed


def _state_dict(content: object, what: str) -> Mapping[str, Tensor]:
    if _is_state_dict(content):
        return content
    held = content if isinstance(content, dict) else {}
    found = [name for name in (*PLAIN, *AVERAGED) if _is_state_dict(held.get(name))]
    if not found:
        inside = [str(key) for key, value in held.items() if isinstance(value, dict)]
        more = (
            f"; it holds dicts called {shortened(', '.join(inside))}" if inside else ""
        )
        raise ValueError(f"{what} holds no weights (tensors by key){more}")
    name = found[0]
    # MMEngine saves averaged weights as those of the model, and the others beside them.
    if name in AVERAGED or (name != "state_dict" and set(found) & set(AVERAGED)):
        kind = "averaged" if name in AVERAGED else "last, not the averaged,"
        print_log(f"{what}: the {kind} weights are taken ({name})", logger="current")
    return held[name]


def _is_state_dict(content: object) -> bool:
    return (
        isinstance(content, dict)
        and len(content) > 0
        and all(isinstance(key, str) for key in content)
        and all(isinstance(value, Tensor) for value in content.values())
    )


def is_cascade(state: Mapping[str, Tensor]) -> bool:
    """Whether weights are a cascade's, and not a denoiser's or a head's own."""
    return any(key.startswith(PREFIX) or key == "head_fingerprint" for key in state)


def denoiser_weights(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Take the denoiser's weights out of a cascade's, or a denoiser's own, state."""
    if not is_cascade(state):
        return dict(state)
    return {k[len(PREFIX) :]: v for k, v in state.items() if k.startswith(PREFIX)}
