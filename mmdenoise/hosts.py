"""The packages this plugin plugs into: are they there, and do they fit."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import io
import os
import runpy
import sys
from importlib.metadata import PackageNotFoundError, version

from mmdenoise.shipped_configs import OURS, find_config

__all__ = ["check_hosts", "has_host", "is_command", "open_our_names"]

OLDEST = {"mmengine": (0, 10), "mmcv": (2, 1)}
TASK_HOSTS = {"mmseg": (1, 2), "mmpretrain": (1, 2)}
HOW = (
    "install one family of hosts: pip install 'mmdenoise[onedl]' (current PyTorch) or "
    "'mmdenoise[openmmlab]'"
)


def check_hosts() -> None:
    """Raise one line that says what to install if a host is missing or too old.

    MMEngine and MMCV are needed; of MMSegmentation and MMPretrain only what a config
    names, and only its age is looked at here. None of them is imported.

    Raises:
        ImportError: Saying which, and what to install.
    """
    for name, oldest in {**OLDEST, **TASK_HOSTS}.items():
        if importlib.util.find_spec(name) is not None:
            _check(name, oldest)
        elif name in OLDEST:
            raise ImportError(f"mmdenoise needs {name}, which is missing; {HOW}")
    _mend_zoo_names()


def is_command() -> bool:
    """Whether the program that imports this package is the command ``mmdenoise``.

    Its own code lies in the package, so that it cannot say what keeps the package from
    being imported.
    """
    program = os.path.basename(sys.argv[0]) if sys.argv else ""
    module = getattr(sys, "orig_argv", [])[1:3] == ["-m", "mmdenoise"]
    return os.path.splitext(program)[0] == "mmdenoise" or module


def has_host(name: str) -> bool:
    """Whether a task host is installed; imports it if it is.

    Raises:
        ImportError: If it refuses the other hosts that are installed.
    """
    if importlib.util.find_spec(name) is None:
        return False
    try:
        # What optional packages they lack, hosts print, whatever the log's level is.
        with contextlib.redirect_stdout(io.StringIO()):
            importlib.import_module(name)
            importlib.import_module(f"{name}.datasets")
    except AssertionError as error:
        # Hosts check each other's versions by assertion.
        reason = " ".join(str(error).split())
        raise ImportError(
            f"the installed {name} does not fit: {reason}; {HOW}"
        ) from None
    return True


def _check(name: str, oldest: tuple[int, int]) -> None:
    given = _version(name)
    if tuple(int(part) for part in given.split(".")[:2]) < oldest:
        needed = ".".join(map(str, oldest))
        raise ImportError(
            f"mmdenoise needs {name} {needed} or newer, found {given}; {HOW}"
        )


def _version(name: str) -> str:
    """A host's version, by its ``version.py`` alone: importing it takes seconds."""
    for folder in importlib.util.find_spec(name).submodule_search_locations or ():
        path = os.path.join(folder, "version.py")
        if os.path.isfile(path):
            return runpy.run_path(path)["__version__"]
    return importlib.import_module(name).__version__


def _mend_zoo_names() -> None:
    """Let ``mmseg::...`` configs open where the distribution is the continuation's.

    MMEngine looks for a distribution called ``mmsegmentation``; the module's own name
    leads it to the same files.
    """
    from mmengine.config import utils

    try:
        version("mmsegmentation")
    except PackageNotFoundError:
        utils.MODULE2PACKAGE["mmseg"] = "mmseg"


def open_our_names() -> None:
    """Let ``mmdenoise::NAME.py`` be a base of any config, once this is imported.

    MMEngine knows the packages of its own family, and gives what is in their configs
    the package's scope; ours belong to the host of their data set.
    """
    from mmengine.config import Config

    theirs = Config._get_cfg_path

    def find(cfg_path: str, filename: str) -> tuple[str, str | None]:
        if cfg_path.startswith(OURS):
            return str(find_config(cfg_path)), None
        return theirs(cfg_path, filename)

    Config._get_cfg_path = staticmethod(find)
