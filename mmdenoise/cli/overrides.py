"""``--cfg-options``: settings over a config's, each of which has an effect."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Mapping

from mmengine.config import Config
from mmengine.runner import Runner

__all__ = ["override"]

# Read beside what the runner takes: by MMEngine, the hosts' tools, or this package.
MORE = ("auto_scale_lr", "compile", "model_wrapper_cfg", "tta_model", "tta_pipeline")


def override(cfg: Config, options: Mapping[str, object]) -> None:
    """Merge settings into a config, in place.

    Args:
        cfg: The config.
        options: Values by dotted keys, ``model.noise.sigma``.

    Raises:
        ValueError: If a key is none, or would change nothing: nobody reads it, or it
            is a variable that the config's text has used already.
    """
    known = {*inspect.signature(Runner).parameters, *MORE}
    for key, value in options.items():
        _check(cfg, key, known)
        try:
            cfg.merge_from_dict({key: value})
        except (AttributeError, IndexError, KeyError, TypeError) as error:
            raise ValueError(
                f"--cfg-options {key}={value}: the config has no place for it ({error})"
            ) from None


def _check(cfg: Config, key: str, known: set[str]) -> None:
    top, _, rest = key.partition(".")
    if top not in known and top not in cfg:
        close = difflib.get_close_matches(top, {*known, *cfg}, 1)
        hint = f"; did you mean {close[0]}?" if close else ""
        raise ValueError(f"--cfg-options {key}: nothing reads {top!r}{hint}")
    if top not in known:
        # A value that stands elsewhere too was put there when the file was read.
        read = {name: cfg[name] for name in cfg if name in known}
        use = _use_of(read, cfg[top])
        if use or not isinstance(cfg[top], dict):
            raise ValueError(
                f"--cfg-options {key}: {top!r} is a variable of the config's file and "
                f"was used where it stands: set {use or 'what it is used for'}"
            )
    dataset = cfg.get(top)
    dataset = dataset.get("dataset") if isinstance(dataset, dict) else None
    asked = rest.partition(".")[2]
    if rest.startswith("dataset.") and isinstance(dataset, dict):
        joined = dataset.get("datasets")
        if joined and asked.partition(".")[0] not in dataset:
            each = ", ".join(
                f"{top}.dataset.datasets.{number}.{asked}"
                for number in range(len(joined))
            )
            raise ValueError(
                f"--cfg-options {key}: {dataset.get('type')} joins {len(joined)} sets: "
                f"set {each}"
            )


def _use_of(value: object, wanted: object, where: str = "") -> str | None:
    """The dotted key of the first place below the top level that has a value."""
    if where.count(".") and value == wanted:
        return where
    if isinstance(value, dict):
        inner = value.items()
    elif isinstance(value, (list, tuple)):
        inner = enumerate(value)
    else:
        return None
    for key, one in inner:
        found = _use_of(one, wanted, f"{where}.{key}" if where else str(key))
        if found:
            return found
    return None
