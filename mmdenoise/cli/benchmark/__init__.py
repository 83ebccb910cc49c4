"""Measure denoisers: accuracy, artefacts, speed, designs, what training costs."""

from __future__ import annotations

import argparse

from mmdenoise.cli.commands import add_commands

COMMANDS = ("accuracy", "artefacts", "speed", "designs", "training")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the commands of the group."""
    add_commands(parser, __name__, COMMANDS)
