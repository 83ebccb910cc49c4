"""The model zoo: denoiser files inside the package, and what is known of each.

``NAME.safetensors`` (:mod:`mmdenoise.weights.denoiser_file`) says itself what network
it is and what noise it was trained on; ``metafile.yml`` tells of data, schedule and
results, in the style of the hosts' metafiles, and of the file's SHA-256.
"""

from __future__ import annotations

import functools
import hashlib
import math
import os
import re

import yaml

from mmdenoise.weights.shortened import shortened

__all__ = [
    "BLIND",
    "read_metafile",
    "resolve",
    "zoo_file",
    "zoo_hint",
    "zoo_levels",
    "zoo_names",
]

FOLDER = os.path.dirname(os.path.abspath(__file__))
ENDING = ".safetensors"
METAFILE = "metafile.yml"
LONGEST_METAFILE = 1 << 20
LEVEL = re.compile(r"multiscale_sigma(\d+(?:\.\d+)?)")
# What ``mmdenoise denoise`` takes when nobody says how noisy the image is.
BLIND = "multiscale_blind"
# What it takes where the level is known: the one network for all of them.
ANY_LEVEL = "multiscale"
HIGHEST_LEVEL = 75.0


def zoo_names() -> list[str]:
    """Names of the denoisers in the zoo, sorted."""
    names = [os.path.splitext(name) for name in os.listdir(FOLDER)]
    return sorted(name for name, ending in names if ending == ENDING)


def zoo_file(name: str) -> str | None:
    """Path of a denoiser's file, also by a dated name; None if there is none.

    Raises:
        ValueError: If its content is not that which the metafile describes.
    """
    name = _dated_names(FOLDER).get(name, name)
    if name not in zoo_names():
        return None
    path = os.path.join(FOLDER, name + ENDING)
    status = os.stat(path)
    _verify(name, path, status.st_size, status.st_mtime_ns)
    return path


@functools.cache
def _dated_names(folder: str) -> dict[str, str]:
    """Names under which weights stay what they are, and the files that hold them."""
    path = os.path.join(folder, METAFILE)
    entries = read_metafile(path) if os.path.isfile(path) else []
    return {
        dated: entry["Name"] for entry in entries for dated in entry.get("Aliases", [])
    }


@functools.cache
def _verify(name: str, path: str, size: int, changed: int) -> None:
    """Compare a file with its metafile's SHA-256, once while it does not change."""
    entries = read_metafile(os.path.join(os.path.dirname(path), METAFILE))
    known = {entry["Name"]: entry.get("SHA256") for entry in entries}
    with open(path, "rb") as file:
        found = hashlib.sha256(file.read()).hexdigest()
    if found != known.get(name):
        raise ValueError(
            f"the zoo's file {path!r} is not the one that its metafile describes "
            f"(SHA-256 {found[:12]}..., there {str(known.get(name))[:12]}...): install "
            "mmdenoise anew"
        )


def resolve(source: str) -> str:
    """Path of a denoiser in the zoo where that is its name; else what is given."""
    return zoo_file(source) or source


def zoo_levels() -> dict[float, str]:
    """Names of the denoisers for one level, by it (``sigma`` in 8-bit units)."""
    found = {name: LEVEL.fullmatch(name) for name in zoo_names()}
    levels = {float(match[1]): name for name, match in found.items() if match}
    return dict(sorted(levels.items()))


def zoo_hint(sigma: float) -> str:
    """Say which denoiser of the zoo is for a level, or which levels there are."""
    levels = zoo_levels()
    if ANY_LEVEL in zoo_names() and 0 <= sigma <= HIGHEST_LEVEL:
        return f"for sigma {sigma:g} the zoo has {ANY_LEVEL!r}, which is told it"
    if sigma in levels:
        return f"for sigma {sigma:g} the zoo has {levels[sigma]!r}"
    known = ", ".join(f"{level:g}" for level in levels) or "none"
    blind = f", and {BLIND!r} for any" if BLIND in zoo_names() else ""
    text = f"the zoo has none for sigma {sigma:g}; its levels are {known}{blind}"
    if not (levels and math.isfinite(sigma) and sigma >= 0):
        return text
    nearest = levels[min(levels, key=lambda level: abs(level - sigma))]
    return f"{text}; the nearest is --denoiser {nearest}"


def read_metafile(path: str | None = None) -> list[dict]:
    """The entries under ``Models`` of a metafile, for listing.

    Raises:
        ValueError: If it is none, or one that is made to fill memory.
    """
    path = path or os.path.join(FOLDER, METAFILE)
    if os.path.getsize(path) > LONGEST_METAFILE:
        raise ValueError(f"{path!r} is too long for a metafile")
    with open(path, "rb") as file:
        text = file.read()
    try:
        content = yaml.load(text, _Plain)
        entries = content["Models"]
        if not all(isinstance(entry["Name"], str) for entry in entries):
            raise TypeError("a name is no text")
    except (KeyError, RecursionError, TypeError, ValueError, yaml.YAMLError) as error:
        reason = shortened(error)
        raise ValueError(f"{path!r} is no metafile of models ({reason})") from None
    return entries


class _Plain(yaml.SafeLoader):
    """Plain data, each of it written out: a name for a part can multiply it."""

    def compose_node(self, parent, index):
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("it refers to its own parts")
        return super().compose_node(parent, index)
