"""Files that are either whole or not there."""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from collections.abc import Iterator

try:
    import fcntl
except ImportError:  # Windows, where leftovers stay
    fcntl = None

__all__ = ["atomic_path"]


@contextlib.contextmanager
def atomic_path(path: str) -> Iterator[str]:
    """Give a path beside ``path`` to write to; rename it when all is on the disk.

    An error, a kill or a full disk leaves what was at ``path`` as it was. What a killed
    writer of ``path`` left beside it is removed. A link stays, and the file that it
    leads to is written.

    Yields:
        The path to write to, with the same extension.

    Raises:
        OSError: Naming ``path``, where the error would name the path that was yielded,
            or none: on a full disk, for instance; or if it is a device or a pipe.
    """
    temporary = None
    try:
        with _renamed(os.path.realpath(path)) as temporary:
            yield temporary
    except OSError as error:
        if error.errno is None or error.filename not in (None, temporary):
            raise
        raise type(error)(error.errno, error.strerror, path) from None


@contextlib.contextmanager
def _renamed(path: str) -> Iterator[str]:
    folder, name = os.path.split(path)
    os.makedirs(folder, exist_ok=True)
    if os.path.exists(path) and not os.path.isfile(path):
        raise OSError(f"{path!r} is no ordinary file")
    # With the target's name, so that leftovers can be told, but within 255 letters.
    start, end = f".{name[:200]}.", os.path.splitext(name)[1]
    _remove_leftovers(folder, start, end)
    lock, temporary = _locked_file(folder, start, end)
    try:
        yield temporary
        # mkstemp makes files that only their owner reads.
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(temporary, 0o666 & ~mask)
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException as error:
        full = None if isinstance(error, OSError) else _refusal(temporary)
        with contextlib.suppress(FileNotFoundError):
            os.remove(temporary)
        if full is not None:
            raise full from error
        raise
    finally:
        if lock is not None:
            os.close(lock)


def _refusal(path: str) -> OSError | None:
    """Why a file takes no more bytes: writers in other languages do not say it."""
    try:
        with open(path, "ab", buffering=0) as file:
            rest = bytes(1 << 20)
            while rest:  # what still fits is written without an error
                rest = rest[file.write(rest) :]
    except OSError as error:
        # Without the name of the temporary file.
        return type(error)(error.errno, error.strerror)
    return None


def _locked_file(folder: str, start: str, end: str) -> tuple:
    """Make a file and lock it for as long as the returned handle, or its process, is.

    The lock is what tells a file that is being written from one of a killed writer.
    """
    while True:
        handle, path = tempfile.mkstemp(dir=folder, prefix=start, suffix=end)
        if fcntl is None:
            os.close(handle)
            return None, path
        _lock(handle, fcntl.LOCK_EX)
        # Another writer may have taken it for a leftover before it was locked.
        if os.path.exists(path):
            return handle, path
        os.close(handle)


def _remove_leftovers(folder: str, start: str, end: str) -> None:
    """Remove the files of :func:`_locked_file` that no process holds a lock on."""
    ours = re.compile(re.escape(start) + "[a-z0-9_]{8}" + re.escape(end))
    for name in os.listdir(folder) if fcntl is not None else ():
        if not ours.fullmatch(name):
            continue
        path = os.path.join(folder, name)
        # What another one has just removed, or may not be opened, is let be.
        with contextlib.suppress(OSError):
            handle = os.open(path, os.O_RDWR)
            try:
                if _lock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB):
                    os.remove(path)
            finally:
                os.close(handle)


def _lock(handle: int, how: int) -> bool:
    """Lock a file; False if another has it, or the file system knows no locks."""
    try:
        fcntl.flock(handle, how)
    except OSError:
        return False
    return True
