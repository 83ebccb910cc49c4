"""Digests of all that a result depends on: never of a name, a path or a number alone.

Every digest is a SHA-256 in hexadecimal digits. Those of data sets are
:func:`mmdenoise.data_digest.data_digest`.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
from collections.abc import Iterator, Mapping, Sequence

import mmdenoise
from mmdenoise.data_digest import file_digest
from mmdenoise.weights.reader import local_path
from mmdenoise.weights.zoo import resolve

from .imported_sources import python_files, sources_of

__all__ = [
    "code_digest",
    "files_named_in",
    "text_digest",
    "weights_digest",
]

PACKAGES = ("mmengine", "mmcv", "mmsegmentation", "mmpretrain", "torch", "numpy")


def text_digest(*texts: str) -> str:
    """Digest of texts; where one ends and the next begins counts, too."""
    return hashlib.sha256(json.dumps(texts).encode()).hexdigest()


def weights_digest(source: str | None) -> str:
    """Digest of weights by path, URL or name in the zoo; of the text otherwise."""
    path = local_path(resolve(source or ""))
    return file_digest(path) if os.path.isfile(path) else text_digest(str(source))


def code_digest(imports: Sequence[str] = ()) -> str:
    """Digest of the code that makes results: ours, the hosts' version, the user's.

    Args:
        imports: Modules that the user's configs import (``custom_imports``); what they
            import in their turn counts, but for installed packages.
    """
    ours = python_files(os.path.dirname(mmdenoise.__file__))
    paths = {*ours, *sources_of(imports)}
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


def files_named_in(config: object) -> list[str]:
    """Digests of the files whose paths a config holds anywhere, in its order."""
    if isinstance(config, str):
        return [file_digest(config)] if os.path.isfile(config) else []
    if isinstance(config, Mapping):
        config = list(config.values())
    if not isinstance(config, (list, tuple)):
        return []
    return [digest for value in config for digest in files_named_in(value)]
