"""The config of a head, out of what the user gave."""

import os
from typing import Optional, Union

from mmengine.config import Config, ConfigDict
from mmengine.hub import get_config

__all__ = ["channel_order", "open_head"]


def open_head(
    head: Union[str, dict],
    options: Optional[dict] = None,
    data_preprocessor: Optional[dict] = None,
) -> ConfigDict:
    """Turn what the user gave into the config of a model.

    Args:
        head: The path of a complete config (or a zoo name, ``mmseg::...``), of which
            ``model``, a top-level ``data_preprocessor``, ``custom_imports`` and
            ``default_scope`` are taken and nothing else; or a model dict.
        options: Merged over the model; dotted keys work.
        data_preprocessor: Used where the head has none of its own.

    Returns:
        The model's config, with its ``_scope_`` and its ``data_preprocessor``.

    Raises:
        FileNotFoundError: If there is no such config.
        ValueError: If the config holds no model, or its imports fail.
    """
    if isinstance(head, str):
        config = _read_config(head)
        if "model" not in config:
            raise ValueError(f"head: the config {head!r} holds no 'model'")
        model = config.model
        data_preprocessor = config.get("data_preprocessor", data_preprocessor)
        if config.get("default_scope"):
            model.setdefault("_scope_", config.default_scope)
    elif isinstance(head, dict):
        model = ConfigDict(head)
    else:
        raise TypeError(
            f"head must be a config's path or a model dict, got {type(head).__name__}"
        )
    if options:
        whole = Config(dict(model=model))
        whole.merge_from_dict({f"model.{key}": v for key, v in options.items()})
        model = whole.model
    if data_preprocessor is not None and model.get("data_preprocessor") is None:
        model.data_preprocessor = ConfigDict(data_preprocessor)
    return model


def _read_config(path: str) -> Config:
    if "::" not in path and not os.path.isfile(path):
        raise FileNotFoundError(f"head: there is no config {path!r}")
    try:
        return get_config(path) if "::" in path else Config.fromfile(path)
    except SyntaxError as error:
        raise ValueError(
            f"head: the config {path!r} is no Python: line {error.lineno}, {error.msg}"
        ) from None
    except ImportError as error:
        reason = " ".join(str(error).partition(", the current sys.path")[0].split())
        raise ValueError(
            f"head: the imports of {path!r} fail ({reason}); put the folder of its "
            "custom modules on PYTHONPATH"
        ) from None


def channel_order(config: ConfigDict, default: str) -> str:
    """Return the channel order of a head's input, ``'rgb'`` or ``'bgr'``.

    A preprocessor that converts says so; one that does not keeps the order of the
    images as loaded, ``default``.
    """
    if default not in ("rgb", "bgr"):
        raise ValueError(f"head_channel_order must be 'rgb' or 'bgr', got {default!r}")
    preprocessor = config.get("data_preprocessor") or {}
    if preprocessor.get("rgb_to_bgr"):
        return "bgr"
    if preprocessor.get("bgr_to_rgb") or preprocessor.get("to_rgb"):
        return "rgb"
    return default
