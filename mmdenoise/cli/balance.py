"""Say how hard each term of the joint loss pulls, before choosing its weight."""

from __future__ import annotations

import argparse

from mmdenoise.cli.options import add_config, old_name


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    add_config(parser)
    parser.add_argument("--batches", type=int, default=8, help="how many to average")
    # It was taken, and nothing was written there.
    old_name(parser, "--work-dir", "--work-dir")


def run(args: argparse.Namespace) -> None:
    """Measure, and print a table."""
    from mmdenoise.apis.balance import loss_balance
    from mmdenoise.cli.runs import read_config

    found = loss_balance(read_config(args), args.batches)
    pull = found["reconstruction"][1]
    print("| term | value | gradient at the denoised image | weight for equal pull |")
    print("|---|---:|---:|---:|")
    for name, (value, size) in found.items():
        print(f"| {name} | {value:.4g} | {size:.4g} | {pull / size:.2g} |")
