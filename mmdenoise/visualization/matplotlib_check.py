"""Whether pictures of numbers can be drawn."""

from __future__ import annotations

__all__ = ["check_matplotlib"]


def check_matplotlib() -> None:
    """Say now, and not after hours, that the plot needs a package.

    Raises:
        ImportError: Naming it.
    """
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError:
        raise ImportError(
            "pictures with text need matplotlib: pip install matplotlib"
        ) from None
