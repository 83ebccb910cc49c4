"""Denoisers in front of trained MMEngine models, trained by a joint loss."""

from .hosts import check_hosts

check_hosts()

from . import engine  # noqa: E402,F401 - registers the file backend
from .version import __version__  # noqa: E402

__all__ = ["__version__"]
