"""May a command write here? Asked before its work begins, not after it."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterable

__all__ = ["check_writable", "refuse_existing"]


def refuse_existing(paths: Iterable[str], overwrite: bool = False) -> None:
    """Refuse to write where something is already.

    Args:
        paths: The files that are going to be written.
        overwrite: The user asked for existing files to be replaced. Folders, devices
            and pipes are refused all the same.

    Raises:
        FileExistsError: Naming the first that is there, and how many more.
        IsADirectoryError: Naming the first that is a folder.
        OSError: Naming the first that is no ordinary file.
    """
    there = [path for path in paths if os.path.lexists(path)]
    for path in there:
        if os.path.isdir(path):
            raise IsADirectoryError(f"{path!r} is a folder: name a file to write")
        if os.path.exists(path) and not os.path.isfile(path):
            raise OSError(f"{path!r} is no ordinary file: name another to write")
    if there and not overwrite:
        more = f" (and {len(there) - 1} more)" if len(there) > 1 else ""
        raise FileExistsError(
            f"{there[0]!r}{more} exists already: name another place, or give "
            "--overwrite to replace it"
        )


def check_writable(folder: str) -> None:
    """Try whether files can be written in a folder, which need not exist yet.

    The folder, those above it that are missing, and a file are made and removed again.

    Args:
        folder: Its path; ``''`` is the working folder.

    Raises:
        OSError: Naming the folder and the reason: it or one above it is a file, is
            read-only, belongs to somebody else, or the disk is full.
    """
    missing, made, path = [], [], os.path.abspath(folder)
    try:
        while not os.path.isdir(path):
            if os.path.lexists(path):
                raise NotADirectoryError(f"{path!r} is a file, not a folder")
            missing.append(path)
            path = os.path.dirname(path)
        for path in reversed(missing):
            os.mkdir(path)
            made.append(path)
        # With a buffer, a full disk would be found on closing, and the file left.
        with tempfile.NamedTemporaryFile(dir=path, prefix=".try.", buffering=0) as file:
            file.write(b"\0")
    except OSError as error:
        reason = error.strerror or str(error)
        raise type(error)(f"cannot write into {folder or '.'!r}: {reason}") from None
    finally:
        for path in reversed(made):
            # What another process has filled or removed meanwhile is let be.
            with contextlib.suppress(OSError):
                os.rmdir(path)
