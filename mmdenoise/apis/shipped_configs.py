"""The configs that come with the package: where they lie, and how to get at them."""

from __future__ import annotations

from pathlib import Path

__all__ = ["configs_folder"]

PACKAGE = Path(__file__).resolve().parents[1]


def configs_folder() -> Path:
    """Folder of the shipped configs: a wheel has them, and so has a checkout.

    Raises:
        FileNotFoundError: If neither is so.
    """
    for folder in (PACKAGE.parent / "configs", PACKAGE / ".mim" / "configs"):
        if (folder / "_base_" / "default_runtime.py").is_file():
            return folder
    raise FileNotFoundError(
        f"mmdenoise in {str(PACKAGE)!r} has lost its configs: install it again"
    )
