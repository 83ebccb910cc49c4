"""Errors of one line: what is wrong, and where, in words if there are any.

What a library or this package says in words (``ValueError``, ``OSError`` and the like)
is shown as it is. Everything else, a ``KeyError`` of one word for instance, is a
defect or an input nobody thought of; its kind and the line that raised it are added.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import re
import sys
import traceback
from collections.abc import Iterator
from typing import Callable

__all__ = ["about", "describe", "exit_code"]

IN_WORDS = (ImportError, MemoryError, OSError, RuntimeError, ValueError)
LONGEST = 1000  # of a line; some libraries put whole files into their messages
QUOTED = re.compile(r"['\"]\S")
NO_WORKERS = "(in a worker of the loader; with num_workers=0 its file is named)"
WORKER = "Traceback (most recent call last):"
# Words of Python's own operators, which name no option.
PYTHONS = re.compile(r"not supported between|unsupported operand|bad operand")
UNKNOWN = re.compile(
    r"(?:class `(?P<name>\w+)` in .*?: )?(?P<call>[\w.<>]+)\(\) got an unexpected "
    r"keyword argument '(?P<key>\w+)'"
)


def exit_code(
    run: Callable[[argparse.Namespace], int | None],
    args: argparse.Namespace,
    show_traceback: bool = False,
) -> int:
    """Run a command; an error becomes one line.

    Args:
        run: The command; returns its exit code, None for 0.
        args: Its options.
        show_traceback: Let an error through, so that Python shows where it was raised;
            the environment variable ``MMDENOISE_TRACEBACK=1`` does the same.

    Returns:
        The command's exit code; 1 after an error, 130 where the user stopped it.
    """
    # A log that cannot be written, to a closed pipe for instance, is no result; Python
    # would print a traceback for each of its lines.
    logging.raiseExceptions, before = False, logging.raiseExceptions
    try:
        # With torch, so not before the options are right.
        from mmdenoise.weights.mmengine_loading import safe_loading

        with safe_loading():
            return run(args) or 0
    except KeyboardInterrupt:
        print("error: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # Whoever read the output has seen enough; Python would say more at its end.
        sys.stdout = open(os.devnull, "w")
        return 0
    except Exception as error:
        if show_traceback or os.environ.get("MMDENOISE_TRACEBACK"):
            raise
        print(f"error: {describe(error)}", file=sys.stderr)
        print("(--traceback shows where)", file=sys.stderr)
        return 1
    finally:
        logging.raiseExceptions = before


@contextlib.contextmanager
def about(path: str | None) -> Iterator[None]:
    """Put a file's name before an error on what it holds, which does not know it."""
    try:
        yield
    except (RuntimeError, ValueError) as error:
        unnamed = str(error).startswith(("the checkpoint's", "the denoiser to be"))
        if path is None or not unnamed:
            raise
        raise type(error)(f"{path!r}: {error}") from error


def describe(error: BaseException) -> str:
    """Say in one line what an error means."""
    from mmdenoise.engine.empty_data_hook import explain_empty_data
    from mmdenoise.engine.unnamed_file import explain_unnamed_file

    text = explain_empty_data(error) or explain_unnamed_file(error) or _in_words(error)
    text = " ".join(text.split())
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 4]} ..."


def _in_words(error: BaseException) -> str:
    kind, text = type(error).__name__, _message(error)
    if text.startswith("Caught ") and WORKER in text:
        # From a loader's worker, as a whole traceback: its first line that is not
        # indented names the error.
        raised = re.search(r"^\S.*", text.rpartition(WORKER)[2], re.M | re.S)
        kind, _, text = raised[0].partition(": ")
        known = {one.__name__ for one in _kinds(IN_WORDS)}
        # Our own errors choose their words, whatever their kind.
        in_words = kind in known or kind.startswith("mmdenoise.")
        if not (text and in_words):
            text = f"{kind}: {text}".strip(": \n")
        return text if QUOTED.search(text) else f"{text.rstrip()} {NO_WORKERS}"
    unknown = UNKNOWN.search(text) if isinstance(error, TypeError) else None
    if unknown is not None:
        call = unknown["call"].replace(".__init__", "").rpartition(".")[2]
        name = unknown["name"] or call
        return f"{name} has no option {unknown['key']!r}: a config's key is misspelled?"
    if isinstance(error, OSError) and error.errno and error.filename:
        return _of_file(error)
    if isinstance(error, IN_WORDS) and text:
        return text
    if isinstance(error, KeyError) and " " in text:
        return text
    ours = isinstance(error, TypeError) and text and _is_ours(error)
    if ours and not PYTHONS.search(text):
        return text
    return f"{kind}: {text or 'no more is known'} ({_where(error)})"


def _of_file(error: OSError) -> str:
    """The system's words, which name a number first."""
    names = " -> ".join(map(repr, filter(None, (error.filename, error.filename2))))
    if isinstance(error, FileNotFoundError):
        return f"there is no file or folder {names}"
    return f"{names}: {error.strerror}"


def _message(error: BaseException) -> str:
    if isinstance(error, KeyError) and error.args:
        # Its own text is quoted.
        return str(error.args[0])
    return str(error)


def _kinds(kinds: tuple[type, ...]) -> Iterator[type]:
    for kind in kinds:
        yield kind
        yield from _kinds(tuple(kind.__subclasses__()))


def _is_ours(error: BaseException) -> bool:
    """Whether this package, or MMEngine's registry, chose the words."""
    frames = traceback.extract_tb(error.__traceback__)
    names = ("mmdenoise", "mmengine")
    return any(f"{os.sep}{name}{os.sep}" in frames[-1].filename for name in names)


def _where(error: BaseException) -> str:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    parts = frame.filename.split(os.sep)
    return f"{'/'.join(parts[-3:])}:{frame.lineno}"
