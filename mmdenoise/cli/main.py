"""The command ``mmdenoise``: which subcommands there are, and how one is run."""

from __future__ import annotations

import argparse
import importlib.util
import sys
from collections.abc import Sequence

from mmdenoise.cli.commands import add_commands
from mmdenoise.cli.errors import exit_code
from mmdenoise.version import __version__

__all__ = ["build_parser", "main"]

# A new one is a line here, and a module of that name in this folder.
COMMANDS = (
    "denoise",
    "train",
    "test",
    "compare",
    "sweep",
    "predict",
    "export",
    "convert",
    "balance",
    "benchmark",
    "demo",
    "data",
    "noise",
    "panels",
    "gradients",
    "study",
    "config",
)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of ``mmdenoise`` with all its subcommands."""
    parser = argparse.ArgumentParser(
        prog="mmdenoise",
        description="Denoise images, and train denoisers in front of frozen networks.",
        epilog="mmdenoise COMMAND --help tells what a command takes.",
    )
    parser.add_argument(
        "--version", action="version", version=f"mmdenoise {__version__}"
    )
    add_commands(parser, "mmdenoise.cli", COMMANDS)
    if importlib.util.find_spec("shtab") is not None:
        importlib.import_module("shtab").add_argument_to(parser, "--print-completion")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``mmdenoise``.

    Args:
        arguments: What follows the program's name; None takes the command line's.

    Returns:
        The exit code: 0, or 1 after an error, which is told in one line.

    Raises:
        SystemExit: For ``--help``, with code 0, and for wrong usage, with code 2.
    """
    for stream in (sys.stdout, sys.stderr):
        # A terminal that has ASCII alone gets \\xb1 for what it lacks, and no error.
        stream.reconfigure(errors="backslashreplace")
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    args, unknown = build_parser().parse_known_args(arguments)
    if unknown:
        args.parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    args.arguments = arguments
    return exit_code(args.run, args, args.traceback)
