"""Errors of one line."""

from __future__ import annotations

import argparse
import os
import re
import sys
from typing import Callable

__all__ = ["exit_code"]


def exit_code(
    run: Callable[[argparse.Namespace], int | None],
    args: argparse.Namespace,
    traceback: bool = False,
) -> int:
    """Run a command; a foreseen error becomes one line.

    Args:
        run: The command; returns its exit code, None for 0.
        args: Its options.
        traceback: Let an error through, so that Python shows where it was raised; the
            environment variable ``MMDENOISE_TRACEBACK=1`` does the same.

    Returns:
        The command's exit code, or 1 after an error.
    """
    # With torch, so not before the options are right.
    from mmdenoise.weights.mmengine_loading import safe_loading

    try:
        with safe_loading():
            return run(args) or 0
    except (ImportError, OSError, RuntimeError, ValueError, KeyError) as error:
        if traceback or os.environ.get("MMDENOISE_TRACEBACK"):
            raise
        from mmdenoise.engine.empty_data import explain_empty_data

        message = explain_empty_data(error) or _one_line(error)
        print(f"error: {message}", file=sys.stderr)
        print("(--traceback shows where)", file=sys.stderr)
        return 1


def _one_line(error: Exception) -> str:
    text = str(error.args[0] if isinstance(error, KeyError) and error.args else error)
    if text.startswith("Caught ") and "Traceback (most recent call last)" in text:
        # From a loader's worker, as a whole traceback: its first line that is not
        # indented names the error.
        last = text.rpartition("Traceback (most recent call last):")[2]
        raised = re.search(r"^\S.*", last, re.MULTILINE | re.DOTALL)
        text = raised[0].partition(": ")[2] or raised[0]
    return " ".join(text.split())
