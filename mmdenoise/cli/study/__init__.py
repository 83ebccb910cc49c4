"""Ask people which denoiser's pictures look best: make a page, collect the answers."""

from __future__ import annotations

import argparse

from mmdenoise.cli.commands import add_commands

COMMANDS = ("make", "collect")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the commands of the group."""
    add_commands(parser, __name__, COMMANDS)
