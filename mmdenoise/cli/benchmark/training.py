"""Measure what a training iteration costs, in ratios from one run on one config.

Each variant trains in a process of its own, on the config's data, first iterations
apart. The base is a bare PyTorch loop over the same model and loader.
"""

from __future__ import annotations

import argparse
import json

from mmdenoise.cli.options import add_config, add_launcher

NEEDS = ("train_dataloader", "train_cfg", "optim_wrapper")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    add_config(parser)
    add_launcher(parser)
    parser.add_argument("--iterations", type=int, default=10, help="that are timed")
    parser.add_argument("--warm-up", type=int, default=3, help="that are not")
    # How the command calls itself, once a variant.
    parser.add_argument("--variant", help=argparse.SUPPRESS)


def run(args: argparse.Namespace) -> None:
    """Measure, and print a table."""
    from mmdenoise.benchmarks.training import measure, measure_all, training_table
    from mmdenoise.cli.runs import read_config

    if args.iterations < 1 or args.warm_up < 1:
        raise ValueError(
            "--iterations and --warm-up must be at least 1, got "
            f"{args.iterations} and {args.warm_up}"
        )
    cfg = read_config(args, args.work_dir, NEEDS)
    if args.variant:
        print(json.dumps(measure(cfg, args.variant, args.iterations, args.warm_up)))
    else:
        has_head = cfg.model.get("head") is not None
        print(training_table(measure_all(args.arguments, has_head)))
