"""Opening a config file: in either of MMEngine's styles, working from any folder."""

from __future__ import annotations

import os.path as osp
from pathlib import Path

from mmengine.config import Config, ConfigDict

from mmdenoise.shipped_configs import (
    OURS,
    base_files,
    configs_folder,
    find_config,
)

__all__ = ["open_config"]

# What in a cascade's model may name a file.
PATHS = ("head", "head_checkpoint", "denoiser_checkpoint")


def open_config(path: str) -> Config:
    """Open a config file.

    A relative path in it (``model.head``, ``head_checkpoint``,
    ``denoiser_checkpoint``) is looked for beside the config's own file, then beside
    its ``_base_`` files, then in the working folder. A config in Python's own style
    (``read_base``) becomes one whose types are names.

    Args:
        path: Of the file; or ``mmdenoise::NAME.py``, a shipped one.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If what is there is no config, with the reason.
    """
    if path.startswith(OURS):
        path = str(find_config(path))
    if osp.isdir(path):
        raise IsADirectoryError(f"config: {path!r} is a folder: name a file in it")
    if not osp.isfile(path):
        raise FileNotFoundError(f"there is no config {path!r}{_shipped(path)}")
    try:
        cfg = Config.fromfile(path)
    except (Exception, SystemExit) as error:
        # A config is a program: whatever can go wrong in one comes out here; one that
        # ends the program would end the command without a result or a word.
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise ValueError(f"cannot read the config {path!r}: {reason}") from error
    cfg = _with_names(cfg)
    _find_beside(cfg, Path(path))
    return cfg


def _shipped(path: str) -> str:
    try:
        found = find_config(path)
    except FileNotFoundError:
        return ""
    name = found.relative_to(configs_folder()).with_suffix("").as_posix()
    return f"; one of that name is shipped: mmdenoise config {name} DIR copies it"


def _with_names(cfg: Config) -> Config:
    """Put names in the place of imported objects, as other configs have them."""
    plain = _our_names(cfg.to_dict())
    return Config(plain, cfg_text=cfg.text, filename=cfg.filename)


def _our_names(value: object) -> object:
    """Name our classes by scope and name, wherever they were imported from."""
    if isinstance(value, dict):
        value = {key: _our_names(inner) for key, inner in value.items()}
        kind = value.get("type")
        if isinstance(kind, str) and kind.startswith("mmdenoise."):
            value["type"] = f"mmdenoise.{kind.rpartition('.')[2]}"
        return value
    if isinstance(value, (list, tuple)):
        return type(value)(_our_names(inner) for inner in value)
    return value


def _find_beside(cfg: Config, path: Path) -> None:
    model = cfg.get("model")
    if not isinstance(model, ConfigDict):
        return
    folders = dict.fromkeys(part.parent for part in base_files(path.absolute()))
    for key in PATHS:
        given = model.get(key)
        if isinstance(given, str) and "::" not in given and not osp.isabs(given):
            beside = (osp.join(folder, given) for folder in folders)
            found = next(filter(osp.isfile, beside), None)
            if found is not None:
                # The shorter form is what messages and records hold.
                model[key] = (
                    given if osp.isfile(given) and osp.samefile(given, found) else found
                )
