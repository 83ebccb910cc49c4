"""Which image files go where: every one once, whatever links there are."""

from __future__ import annotations

import fnmatch
import glob
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from mmdenoise.images import ENDINGS

__all__ = ["Plan", "find_images", "plan_files"]


@dataclass
class Plan:
    """What a command reads and writes.

    Attributes:
        pairs: Paths read and written, sorted.
        skipped: Paths of what was found beside the images, and is none.
        folder: Where all is written; None for a single file.
    """

    pairs: list[tuple[str, str]]
    skipped: list[str] = field(default_factory=list)
    folder: str | None = None

    @property
    def targets(self) -> list[str]:
        """The paths that are written."""
        return [target for _, target in self.pairs]


def plan_files(sources: Sequence[str], out: str) -> Plan:
    """Say where the image of each file goes.

    One file goes to ``out``, or into it where that is a folder or ends in a separator.
    Of a folder every image below it, and of a pattern every one that matches (``**``
    goes down into folders), goes into the folder ``out``, at the same place below it.
    Files whose names begin with a dot, and those that lie in ``out``, are passed over.
    Links are followed, each file is taken once.

    Args:
        sources: Files, folders, or patterns.
        out: A file or a folder.

    Raises:
        FileNotFoundError: If there is no such file, or no image in a folder.
        ValueError: If an image would be written over an input, or over another's.
    """
    single = len(sources) == 1 and os.path.isfile(sources[0])
    if single and not (os.path.isdir(out) or out.endswith(("/", os.sep))):
        plan = Plan([(sources[0], out)])
    elif os.path.isfile(out):
        raise ValueError(
            f"{out!r} is a file, and several images need a folder: name OUT, the "
            "folder to write them into"
        )
    else:
        found, skipped = [], []
        for source in sources:
            images, others = find_images(source, out, take_all=single)
            found += images
            skipped += others
        if not found:
            raise FileNotFoundError(f"there are no images in {', '.join(sources)!r}")
        pairs = sorted({(path, os.path.join(out, name)) for path, name in found})
        plan = Plan(pairs, sorted(set(skipped)), out)
    _refuse_clashes(plan.pairs)
    return plan


def _refuse_clashes(pairs: Sequence[tuple[str, str]]) -> None:
    inputs = {os.path.realpath(path) for path, _ in pairs}
    written: dict[str, str] = {}
    for path, target in pairs:
        real = os.path.realpath(target)
        if real in inputs:
            raise ValueError(
                f"{path!r} would be written over the input {target!r}: name another OUT"
            )
        if real in written:
            raise ValueError(
                f"{written[real]!r} and {path!r} would both be written to {target!r}"
            )
        written[real] = path


def find_images(
    source: str, out: str | None = None, take_all: bool = False
) -> tuple[list[tuple[str, str]], list[str]]:
    """Find the images that a file, a folder or a pattern names.

    Args:
        source: The file, folder or pattern.
        out: A folder whose files are none of them, unless it is the source itself.
        take_all: Take a file that is named for an image whatever its ending is.

    Returns:
        Their paths, each with its name below the output's folder, and the paths of
        other files.

    Raises:
        FileNotFoundError: If there is no such file, or none in a folder.
    """
    if os.path.isfile(source):
        if take_all or source.lower().endswith(ENDINGS):
            return [(source, os.path.basename(source))], []
        return [], [source]
    if os.path.isdir(source):
        root, paths = source, list(_files_below(source))
    elif not glob.has_magic(source):
        raise FileNotFoundError(f"there is no file or folder {source!r}")
    else:
        root, paths = _matching(source)
    inside = out is not None and os.path.realpath(out) != os.path.realpath(root or ".")
    paths = [path for path in paths if not (inside and _lies_in(path, out))]
    if not paths:
        raise FileNotFoundError(f"there are no files in {source!r}")
    images = [path for path in paths if path.lower().endswith(ENDINGS)]
    others = [path for path in paths if not path.lower().endswith(ENDINGS)]
    return [(path, os.path.relpath(path, root or ".")) for path in images], others


def _matching(pattern: str) -> tuple[str, list[str]]:
    """The folder before the first part that is a pattern, and what matches."""
    root = pattern
    while glob.has_magic(root):
        root = os.path.dirname(root)
    if "**" not in pattern.split(os.sep):
        return root, [path for path in glob.glob(pattern) if os.path.isfile(path)]
    rest = os.path.relpath(pattern, root or ".").split(os.sep)
    names = (os.path.relpath(path, root or ".") for path in _files_below(root or "."))
    found = [name for name in names if _matches(name.split(os.sep), rest)]
    return root, [os.path.join(root, name) for name in found]


def _matches(parts: list[str], pattern: list[str]) -> bool:
    if not pattern:
        return not parts
    if pattern[0] == "**":
        if _matches(parts, pattern[1:]) or pattern == ["**"]:
            return True
        return bool(parts) and _matches(parts[1:], pattern)
    if not parts or not fnmatch.fnmatchcase(parts[0], pattern[0]):
        return False
    return _matches(parts[1:], pattern[1:])


def _files_below(folder: str) -> Iterator[str]:
    """Files in a folder and those below it, each once; those of links come last.

    glob follows links in a circle until the system stops it, and two circles for ever.
    """
    waiting, links = [folder], []
    folders, files = set(), set()
    while waiting or links:
        path = waiting.pop() if waiting else links.pop(0)
        real = os.path.realpath(path)
        known = folders if os.path.isdir(path) else files
        if real in known:
            continue
        known.add(real)
        if not os.path.isdir(path):
            if os.path.isfile(path):
                yield path
            continue
        for entry in sorted(os.scandir(path), key=lambda entry: entry.name):
            if not entry.name.startswith("."):
                (links if entry.is_symlink() else waiting).append(entry.path)


def _lies_in(path: str, folder: str) -> bool:
    return os.path.realpath(path).startswith(os.path.realpath(folder) + os.sep)
