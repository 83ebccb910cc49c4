"""Denoisers in front of trained MMEngine models, trained by a joint loss."""

from .hosts import check_hosts

check_hosts()

from .version import __version__  # noqa: E402

__all__ = ["__version__"]
