"""Digests of all that a result depends on: never of a name, a path or a number alone.

Every digest is a SHA-256 in hexadecimal digits. Those of data sets are
:func:`mmdenoise.data_digest.data_digest`.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import json
import os
from collections.abc import Iterator, Mapping, Sequence

import mmdenoise
from mmdenoise.data_digest import file_digest
from mmdenoise.weights.reader import local_path
from mmdenoise.weights.zoo import resolve

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
        imports: Modules that the user's configs import (``custom_imports``).
    """
    paths = list(_sources(os.path.dirname(mmdenoise.__file__)))
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
