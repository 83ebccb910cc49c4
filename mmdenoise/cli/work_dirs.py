"""``work_dirs/NAME``: the folder of a config, and of no other of that name."""

from __future__ import annotations

import os
import os.path as osp

from mmengine.config import Config
from mmengine.dist import master_only

from mmdenoise.atomic_files import atomic_path

__all__ = ["claim_work_dir", "default_work_dir"]

# Says whose folder it is: the config's path, relative to the folder above work_dirs.
OWNER = ".config"


def default_work_dir(config: str) -> str:
    """Folder of a config that names none: ``work_dirs/NAME``.

    Where a config of the same name in another folder has claimed that one, the name of
    the config's folder is put before it, and so on upwards.

    Args:
        config: Path of the config.
    """
    parts = osp.splitext(osp.abspath(config))[0].split(os.sep)
    for count in range(1, len(parts)):
        folder = osp.join("work_dirs", "_".join(parts[-count:]))
        if _owner(folder) in (None, osp.realpath(config)):
            return folder
    return folder


def _owner(folder: str) -> str | None:
    """The config that has claimed a folder; None if nobody has, or it is gone."""
    try:
        with open(osp.join(folder, OWNER), encoding="utf-8") as file:
            path = osp.join(osp.dirname(osp.dirname(folder)), file.read().strip())
    except (OSError, UnicodeDecodeError):
        return None
    return osp.realpath(path) if osp.isfile(path) else None


@master_only
def claim_work_dir(cfg: Config) -> None:
    """Note that a config's work folder is in use by it, unless it is noted already.

    Args:
        cfg: With ``work_dir`` and, if it is of a file, ``filename``.
    """
    path = osp.join(cfg.work_dir, OWNER)
    if cfg.filename is None or _owner(cfg.work_dir) is not None:
        return
    above = osp.dirname(osp.dirname(osp.abspath(cfg.work_dir)))
    with atomic_path(path) as temporary, open(temporary, "w", encoding="utf-8") as file:
        file.write(osp.relpath(osp.abspath(cfg.filename), above) + "\n")
