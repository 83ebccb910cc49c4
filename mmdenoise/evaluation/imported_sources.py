"""The files of code that modules of a user's own consist of, imports followed."""

from __future__ import annotations

import ast
import importlib.util
import os
import sys
import sysconfig
from collections.abc import Iterable, Iterator

__all__ = ["python_files", "sources_of"]

# Whose versions count instead.
INSTALLED = tuple({sysconfig.get_path(n) for n in ("stdlib", "purelib", "platlib")})


def python_files(folder: str) -> Iterator[str]:
    """All files of Python below a folder."""
    for root, _, names in os.walk(folder):
        yield from (os.path.join(root, n) for n in names if n.endswith(".py"))


def sources_of(modules: Iterable[str]) -> set[str]:
    """Files of modules, and of those that they import, but for installed packages.

    Nothing is run but packages that lie above the modules. What is imported by a name
    made at run time is not seen.

    Args:
        modules: Names, dotted or not; those that are not found are passed over.
    """
    found: set[str] = set()
    waiting, seen = list(modules), set()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        new = set(_files_of(name)) - found
        found |= new
        waiting += (other for path in new for other in _imports_of(path, name))
    return found


def _files_of(name: str) -> Iterator[str]:
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return  # whoever builds the model says so
    if spec is None:
        return
    for folder in spec.submodule_search_locations or ():
        yield from python_files(folder)
    if spec.origin and os.path.isfile(spec.origin):
        yield spec.origin


def _imports_of(path: str, module: str) -> Iterator[str]:
    """Packages, by their first names, that a file of a module imports."""
    if path.startswith(INSTALLED) or not path.endswith(".py"):
        return
    try:
        with open(path, "rb") as file:
            tree = ast.parse(file.read())
    except (OSError, SyntaxError, ValueError):
        return
    names = {module.partition(".")[0]}  # for its relative imports
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.partition(".")[0])
    yield from (name for name in names if _is_own(name))


def _is_own(name: str) -> bool:
    if name in sys.builtin_module_names or name in ("mmdenoise", "__main__"):
        return False
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return False
    if spec is None:
        return False
    places = [spec.origin or "", *(spec.submodule_search_locations or ())]
    return not any(place.startswith(INSTALLED) for place in places)
