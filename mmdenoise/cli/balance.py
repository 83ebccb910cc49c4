"""Say how hard each term of the joint loss pulls, before choosing its weight."""

from __future__ import annotations

import argparse

from mmdenoise.cli.options import add_config, old_name

NEEDS = ("model.denoiser", "train_dataloader")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    add_config(parser)
    parser.add_argument("--batches", type=int, default=8, help="how many to average")
    for name, term in (("perceptual", "L_P"), ("task", "L_H")):
        parser.add_argument(
            f"--{name}-pull",
            type=float,
            default=1.0,
            help=f"what {term} is to pull with, in multiples of L_D (default: 1)",
        )
    # It was taken, and nothing was written there.
    old_name(parser, "--work-dir", "--work-dir")


def run(args: argparse.Namespace) -> None:
    """Measure, and print a table."""
    from mmdenoise.apis.balance import balanced_weights, loss_balance
    from mmdenoise.cli.runs import read_config

    if args.batches < 1:
        raise ValueError(f"--batches must be at least 1, got {args.batches}")
    found = loss_balance(read_config(args, needs=NEEDS), args.batches)
    weights = balanced_weights(found, args.perceptual_pull, args.task_pull)
    print("| term | value | gradient at the denoised image | weight |")
    print("|---|---:|---:|---:|")
    for name, (value, size) in found.items():
        weight = weights.get(name, 1.0)
        print(f"| {name} | {value:.4g} | {size:.4g} | {weight:.2g} |")
    chosen = ", ".join(f"{name}={weight:.3g}" for name, weight in weights.items())
    print(f'\nloss=dict(type="mmdenoise.JointLoss", {chosen})')
