"""The file backend by which checkpoints are written: whole, or not at all."""

import os
from pathlib import Path
from typing import Union

from mmengine.fileio import register_backend
from mmengine.fileio.backends import LocalBackend

from mmdenoise.atomic_files import atomic_path

__all__ = ["AtomicBackend"]


class AtomicBackend(LocalBackend):
    """Local files, written aside, synced and renamed.

    MMEngine writes a checkpoint in place: what stops it there leaves half a file under
    the newest name. Configs choose this one with
    ``default_hooks.checkpoint.backend_args=dict(backend='mmdenoise.atomic')``.
    """

    def put(self, obj: bytes, filepath: Union[str, Path]) -> None:
        """Write bytes to a file.

        Raises:
            OSError: If it cannot be written, on a full disk for instance; what was at
                ``filepath`` is as it was.
        """
        try:
            with atomic_path(str(filepath)) as path, open(path, "wb") as file:
                file.write(obj)
        except OSError as error:
            raise OSError(
                error.errno,
                f"cannot write {filepath} ({os.strerror(error.errno or 0)}); earlier "
                "checkpoints are as they were",
            ) from None


register_backend("mmdenoise.atomic", AtomicBackend, force=True)
