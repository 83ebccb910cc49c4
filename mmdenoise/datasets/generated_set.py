"""Folders of generated data that are whole or absent, and made once."""

import glob
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Callable, Union

__all__ = ["make_once"]


def make_once(
    root: Union[str, Path],
    meta: Mapping,
    files: Mapping[str, int],
    write: Callable[[Path], None],
) -> Path:
    """Write a set into a folder beside ``root``, then rename it; or reuse it.

    Args:
        root: The set's own folder; its parents are made.
        meta: What was asked for, JSON types alone; kept in ``meta.json``.
        files: How many files there are of each pattern, relative to ``root``.
        write: Writes the set into the folder it is given.

    Returns:
        ``root`` as a path.

    Raises:
        FileExistsError: If ``root`` holds another set or anything else.
        OSError: Naming ``root``, if it cannot be written.
    """
    root = Path(root)
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        _check_finished(root, meta, files)
        return root
    root.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(root)
    part = root.parent / f".{root.name}.{os.getpid()}.partial"
    shutil.rmtree(part, ignore_errors=True)
    try:
        part.mkdir()
        write(part)
        text = json.dumps(dict(meta)) + "\n"
        (part / "meta.json").write_text(text, encoding="utf-8")
        os.replace(part, root)
    except OSError as error:
        if error.errno is None:
            raise
        # Files that libraries write are not named, and others are gone.
        raise type(error)(error.errno, error.strerror, str(root)) from None
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return root


def _remove_leftovers(root: Path) -> None:
    """Remove what killed writers of ``root`` left beside it."""
    for part in root.parent.glob(f".{glob.escape(root.name)}.*.partial"):
        process = part.suffixes[-2][1:]
        if process.isdecimal() and not _is_running(int(process)):
            shutil.rmtree(part, ignore_errors=True)


def _is_running(process: int) -> bool:
    if os.name != "posix":
        return True  # there, asking would end it; leftovers stay
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it is somebody else's
        pass
    return True


def _check_finished(root: Path, meta: Mapping, files: Mapping[str, int]) -> None:
    """Raise FileExistsError unless ``root`` is exactly the set that ``meta`` asks."""
    try:
        found = json.loads((root / "meta.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        found = None
    if not isinstance(found, dict):
        problem = "is not a set made by this tool"
    elif found != meta:
        problem = f"holds {found}, not the {dict(meta)} asked for"
    elif any(len(list(root.glob(name))) != count for name, count in files.items()):
        problem = "has lost some of its files"
    else:
        return
    raise FileExistsError(f"{root} {problem}: delete it or name another folder")
