"""The check that the packages this plugin plugs into are there, and fit."""

import importlib
import importlib.util
from importlib.metadata import PackageNotFoundError, version

__all__ = ["check_hosts"]

OLDEST = {"mmengine": (0, 10), "mmcv": (2, 1)}
TASK_HOSTS = {"mmseg": (1, 2), "mmpretrain": (1, 2)}
HOW = (
    "install one family of hosts: pip install 'mmdenoise[onedl]' (current PyTorch) or "
    "'mmdenoise[openmmlab]'"
)


def check_hosts() -> None:
    """Raise one line that says what to install if a host is missing or too old.

    MMEngine and MMCV are needed; of MMSegmentation and MMPretrain only what a config
    names, and only its age is looked at here.
    """
    for name, oldest in OLDEST.items():
        _check(name, oldest)
    for name, oldest in TASK_HOSTS.items():
        if importlib.util.find_spec(name) is not None:
            _check(name, oldest)
    _mend_zoo_names()


def _check(name: str, oldest: tuple) -> None:
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise ImportError(f"mmdenoise needs {name}, which is missing; {HOW}") from None
    except AssertionError as error:
        # Hosts check each other's versions by assertion.
        reason = " ".join(str(error).split())
        raise ImportError(
            f"the installed {name} does not fit: {reason}; {HOW}"
        ) from None
    found = tuple(int(part) for part in module.__version__.split(".")[:2])
    if found < oldest:
        needed = ".".join(map(str, oldest))
        raise ImportError(
            f"mmdenoise needs {name} {needed} or newer, found {module.__version__}; "
            f"{HOW}"
        )


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
