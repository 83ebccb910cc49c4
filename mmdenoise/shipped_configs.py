"""The configs that come with the package: where they lie, what they consist of."""

from __future__ import annotations

import ast
import difflib
import re
from pathlib import Path

__all__ = [
    "base_files",
    "config_names",
    "configs_folder",
    "find_config",
    "needed_files",
]

PACKAGE = Path(__file__).resolve().parent
OURS = "mmdenoise::"
# What MMEngine puts the folder of the very file in place of.
HERE = r"\{\{ *fileDirname *\}\}/([\w./-]+\.py)"


def configs_folder() -> Path:
    """Folder of the shipped configs: a checkout's own, or the one that a wheel has.

    Raises:
        FileNotFoundError: If there is neither.
    """
    for folder in (PACKAGE.parent / "configs", PACKAGE / ".mim" / "configs"):
        if (folder / "_base_" / "default_runtime.py").is_file():
            return folder
    raise FileNotFoundError(
        f"mmdenoise in {str(PACKAGE)!r} has lost its configs: install it again"
    )


def config_names() -> list[str]:
    """Names of the shipped configs, sorted: paths below their folder, without .py."""
    root = configs_folder()
    paths = (path.relative_to(root) for path in root.rglob("*.py"))
    return sorted(p.with_suffix("").as_posix() for p in paths if p.parts[0] != "_base_")


def find_config(name: str) -> Path:
    """Find a shipped config.

    Args:
        name: As ``config_names`` has it; ``.py``, ``mmdenoise::`` and ``configs/``
            around it are allowed, and so are the files below ``_base_/``.

    Raises:
        FileNotFoundError: If there is none of that name, with names like it.
    """
    short = name[len(OURS) :] if name.startswith(OURS) else name
    short = short.removeprefix("./").removeprefix("configs/").removesuffix(".py")
    path = configs_folder() / f"{short}.py"
    if path.is_file() and configs_folder() in path.resolve().parents:
        return path
    names = config_names()
    close = [one for one in names if one.rpartition("/")[2] == short]
    close = close or difflib.get_close_matches(short, names, cutoff=0.5)
    hint = f"did you mean {' or '.join(close)}? " if close else ""
    raise FileNotFoundError(
        f"no shipped config is called {name!r}: {hint}`mmdenoise config` lists them"
    )


def base_files(path: Path) -> list[Path]:
    """All files that a config is made of: itself, then its ``_base_`` files.

    Args:
        path: Of a config in MMEngine's text style; other styles have no bases here.
    """
    found: dict[Path, None] = {}
    waiting = [path]
    while waiting:
        one = waiting.pop(0)
        if one in found:
            continue
        found[one] = None
        waiting += [
            (one.parent / base).resolve()
            for base in _bases(one)
            if "::" not in base and (one.parent / base).is_file()
        ]
    return list(found)


def needed_files(path: Path) -> list[Path]:
    """The files of a shipped config and of those that it names as its head."""
    found = base_files(path)
    for part in found:
        for name in re.findall(HERE, part.read_text(encoding="utf-8")):
            head = (part.parent / name).resolve()
            found += [one for one in base_files(head) if one not in found]
    return found


def _bases(path: Path) -> list[str]:
    """What ``_base_`` names in a file; nothing where it is no plain text."""
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (SyntaxError, UnicodeDecodeError, ValueError):
        # Whoever reads the config says so.
        return []
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(
            isinstance(target, ast.Name) and target.id == "_base_"
            for target in node.targets
        ):
            try:
                value = ast.literal_eval(node.value)
            except ValueError:
                return []
            return [value] if isinstance(value, str) else list(value)
    return []
