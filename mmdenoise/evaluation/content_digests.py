"""Digests of all that a result depends on: never of a name, a path or a number alone.

Every digest is a SHA-256 in hexadecimal digits. Files are read in blocks and once a
process; sets of many files by several threads, since hashing leaves Python's lock.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
import torch

import mmdenoise
from mmdenoise.weights.reader import local_path
from mmdenoise.weights.zoo import resolve

__all__ = [
    "code_digest",
    "data_digest",
    "file_digest",
    "files_named_in",
    "text_digest",
    "weights_digest",
]

BLOCK = 1 << 20
THREADS = 4
# The layers that turn files and options into numbers.
ROOMS = ("datasets", "engine", "evaluation", "images", "models", "weights")
PACKAGES = ("mmengine", "mmcv", "mmsegmentation", "mmpretrain", "torch", "numpy")
Progress = Callable[[int, int, float], None]


def text_digest(*texts: str) -> str:
    """Digest of texts; where one ends and the next begins counts, too."""
    return hashlib.sha256(json.dumps(texts).encode()).hexdigest()


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


def weights_digest(source: str | None) -> str:
    """Digest of weights by path, URL or name in the zoo; of the text otherwise."""
    path = local_path(resolve(source or ""))
    return file_digest(path) if os.path.isfile(path) else text_digest(str(source))


def code_digest(imports: Sequence[str] = ()) -> str:
    """Digest of the code that makes results: ours, the hosts' version, the user's.

    Args:
        imports: Modules that the user's configs import (``custom_imports``).
    """
    folder = os.path.dirname(mmdenoise.__file__)
    paths = [path for room in ROOMS for path in _sources(os.path.join(folder, room))]
    for name in imports:
        paths.extend(_module_sources(name))
    return text_digest(
        mmdenoise.__version__, *_versions(), *(file_digest(p) for p in sorted(paths))
    )


def _versions() -> Iterator[str]:
    for package in PACKAGES:
        for name in (package, f"onedl-{package}"):
            try:
                yield f"{name} {importlib.metadata.version(name)}"
            except importlib.metadata.PackageNotFoundError:
                continue


def _sources(folder: str) -> Iterator[str]:
    for root, _, names in os.walk(folder):
        yield from (os.path.join(root, n) for n in names if n.endswith(".py"))


def _module_sources(name: str) -> Iterator[str]:
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return  # whoever builds the model says so
    if spec is None:
        return
    for folder in spec.submodule_search_locations or ():
        yield from _sources(folder)
    if spec.origin and os.path.isfile(spec.origin):
        yield spec.origin


def files_named_in(config: object) -> list[str]:
    """Digests of the files whose paths a config holds anywhere, in its order."""
    if isinstance(config, str):
        return [file_digest(config)] if os.path.isfile(config) else []
    if isinstance(config, Mapping):
        config = list(config.values())
    if not isinstance(config, (list, tuple)):
        return []
    return [digest for value in config for digest in files_named_in(value)]


def data_digest(dataset: object, progress: Progress | None = None) -> str | None:
    """Digest of a data set: what it says of each item, and the files named there.

    So an image of other bytes, another mask, label, order, class or palette counts, and
    a folder that was moved does not. Hosts' wrappers (``ConcatDataset``,
    ``RepeatDataset``) say what their items are, too.

    Args:
        dataset: Built, with ``get_data_info`` as MMEngine's have it.
        progress: Called with the number of files done, that of all, and the seconds
            that are left.

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
    with ThreadPoolExecutor(THREADS) as pool:
        hashed = zip(paths, pool.map(file_digest, list(paths)))
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
