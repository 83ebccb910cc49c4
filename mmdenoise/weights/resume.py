"""Find the checkpoint from which an interrupted training goes on."""

from __future__ import annotations

import os
import re

from mmengine.logging import print_log

from mmdenoise.weights.state_dicts import read_state_dict

__all__ = ["newest_checkpoint"]


def newest_checkpoint(work_dir: str, trusted: bool = False) -> str | None:
    """Return the newest checkpoint of a folder that opens, or None.

    Not the one that ``last_checkpoint`` points to: a kill can fall between the file and
    the pointer, or leave a file of an older writer half-written.

    Args:
        work_dir: Folder with ``iter_N.pth`` or ``epoch_N.pth`` files.
        trusted: As for :func:`mmdenoise.weights.reader.open_checkpoint`.
    """
    if not os.path.isdir(work_dir):
        return None
    numbered = []
    for name in os.listdir(work_dir):
        match = re.fullmatch(r"(?:iter|epoch)_(\d+)\.pth", name)
        if match:
            numbered.append((int(match[1]), name))
    for _, name in sorted(numbered, reverse=True):
        path = os.path.join(work_dir, name)
        try:
            read_state_dict(path, trusted=trusted)
        except ValueError as error:
            print_log(f"passed over: {error}", logger="current", level=30)
            continue
        return path
    return None
