"""How commands are found: a name is a module beside it, for groups of them as well."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Sequence

__all__ = ["add_commands"]


def add_commands(
    parser: argparse.ArgumentParser, package: str, names: Sequence[str]
) -> None:
    """Give a parser subcommands.

    Args:
        parser: Of the command above them.
        package: Where their modules lie.
        names: Of the subcommands and of their modules. Each has ``add_options``, and
            ``run`` unless it is a group.
    """
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name in names:
        module = importlib.import_module(f"{package}.{name}")
        child = commands.add_parser(
            name,
            help=module.__doc__.splitlines()[0].rstrip(".").replace("``", ""),
            description=module.__doc__,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        child.add_argument(
            "--traceback",
            action="store_true",
            help="show where an error comes from",
        )
        module.add_options(child)
        # What a group's subcommands set comes later, and stays.
        child.set_defaults(parser=child, run=getattr(module, "run", None))
