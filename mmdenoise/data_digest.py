"""Digests of files, and of data sets: their items and the files that these name.

Every digest is a SHA-256 in hexadecimal digits. Files are read in blocks, by several
threads where there are many, since hashing leaves Python's lock.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from multiprocessing.pool import ThreadPool

import numpy as np
import torch

__all__ = ["data_digest", "ends_digest", "file_digest"]

BLOCK = 1 << 20
# Of a file that is told by its ends: read whole up to WHOLE, else END from each.
WHOLE, END = 1 << 16, 1 << 12
THREADS = 4
Progress = Callable[[int, int, float], None]


def file_digest(path: str) -> str:
    """Digest of a file's bytes, read again only if the file changed since.

    Raises:
        OSError: If it cannot be read.
    """
    stat = os.stat(path)
    return _file_digest(path, stat.st_ino, stat.st_size, stat.st_mtime_ns)


@cache
def _file_digest(path: str, inode: int, size: int, changed: int) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def ends_digest(path: str) -> str:
    """Digest of a file's size and bytes; of a long one's, both ends alone.

    For sets that are too large to be read before each start. A PNG's end holds a
    checksum of all its pixels.

    Raises:
        OSError: If it cannot be read.
    """
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size <= WHOLE:
            ends = file.read()
        else:
            ends = file.read(END)
            file.seek(-END, os.SEEK_END)
            ends += file.read()
    return hashlib.sha256(f"{size} ".encode() + ends).hexdigest()


def data_digest(
    dataset: object,
    progress: Progress | None = None,
    digest_of: Callable[[str], str] = file_digest,
) -> str | None:
    """Digest of a data set: what it says of each item, and the files named there.

    So an image of other bytes, another mask, label, order, class or palette counts, and
    a folder that was moved does not. Hosts' wrappers (``ConcatDataset``,
    ``RepeatDataset``) say what their items are, too.

    Args:
        dataset: Built, with ``get_data_info`` as MMEngine's have it.
        progress: Called with the number of files done, that of all, and the seconds
            that are left.
        digest_of: Turns a file's path into a digest.

    Returns:
        None if the items or their files cannot be told: no ``get_data_info``, or files
        that are not on a local disk.
    """
    if not hasattr(dataset, "get_data_info"):
        return None
    items = [dataset.get_data_info(index) for index in range(len(dataset))]
    if any(_is_remote(item.get("img_path")) for item in items):
        return None
    paths: dict[str, str] = {}
    for item in items:
        paths.update(dict.fromkeys(_files_in(item), ""))
    start = time.monotonic()
    with ThreadPool(THREADS) as pool:
        hashed = zip(paths, pool.imap(digest_of, list(paths), chunksize=16))
        for done, (path, digest) in enumerate(hashed, start=1):
            paths[path] = digest
            if progress is not None:
                seconds = (time.monotonic() - start) / done * (len(paths) - done)
                progress(done, len(paths), seconds)
    digest = hashlib.sha256()
    for value in (dict(getattr(dataset, "metainfo", None) or {}), *items):
        _feed(digest, value, paths)
    return digest.hexdigest()


def _is_remote(path: object) -> bool:
    return isinstance(path, str) and "://" in path


def _files_in(value: object) -> Iterator[str]:
    if isinstance(value, str):
        if os.path.isfile(value):
            yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _files_in(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _files_in(inner)


def _feed(digest, value: object, files: Mapping[str, str]) -> None:
    """Add a value, with the digest of a file in place of its path."""
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu().numpy()
    if isinstance(value, Mapping):
        digest.update(f"dict {len(value)} ".encode())
        for key in sorted(value, key=str):
            _feed(digest, str(key), {})
            _feed(digest, value[key], files)
    elif isinstance(value, (list, tuple)):
        digest.update(f"list {len(value)} ".encode())
        for inner in value:
            _feed(digest, inner, files)
    elif isinstance(value, np.ndarray) and value.dtype != object:
        digest.update(f"array {value.dtype} {value.shape} ".encode())
        digest.update(np.ascontiguousarray(value).tobytes())
    else:
        text = files.get(value, value) if isinstance(value, str) else repr(value)
        digest.update(f"{type(value).__name__} {len(text)} {text} ".encode())
