"""Make one short line of what a file says."""

from __future__ import annotations

__all__ = ["shortened"]

LONGEST_LINE = 200


def shortened(text: object, limit: int = LONGEST_LINE) -> str:
    """Make one line of what a file says, printable, and no longer than ``limit``."""
    # Cut first: what comes out of a file can be as long as the file.
    line = " ".join(str(text)[: 4 * limit].split())
    line = "".join(letter if letter.isprintable() else "?" for letter in line)
    return line if len(line) <= limit else line[: limit - 3] + "..."
