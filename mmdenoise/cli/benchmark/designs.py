"""Describe Table I's designs: size, field of view, speed, and PSNR with weights."""

from __future__ import annotations

import argparse
import os.path as osp

from mmdenoise.benchmarks.published import DESIGN_SIGMA, DESIGNS
from mmdenoise.cli.options import (
    add_denoisers,
    add_device,
    add_first,
    add_out,
    add_overwrite,
    add_seed,
    add_sigma,
    add_threads,
    named_values,
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    names = ", ".join(design.name for design in DESIGNS)
    add_denoisers(parser, f"trained weights of a design ({names})", "--weights")
    parser.add_argument(
        "--data",
        action="append",
        default=[],
        metavar="NAME=FOLDER",
        help="clean images to score the weights on; kodak24 in the paper",
    )
    add_sigma(parser, DESIGN_SIGMA)
    add_seed(parser)
    add_first(parser)
    parser.add_argument(
        "--size", default="768x512", metavar="WIDTHxHEIGHT", help="timed on"
    )
    parser.add_argument("--rounds", type=int, default=5, help="that are timed")
    add_threads(parser)
    add_device(parser)
    add_out(parser, osp.join("work_dirs", "designs"), "--out-dir")
    add_overwrite(parser, "tables")


def run(args: argparse.Namespace) -> None:
    """Measure, and print the table."""
    from mmdenoise.benchmarks.designs import ablation
    from mmdenoise.benchmarks.speed import image_size
    from mmdenoise.cli.devices import choose_device, use_threads
    from mmdenoise.output_checks import check_writable, refuse_existing

    paths = [osp.join(args.out, f"ablation.{ending}") for ending in ("md", "csv")]
    refuse_existing(paths, args.overwrite)
    check_writable(args.out)
    size = image_size(args.size)
    data = list(named_values("--data", args.data, "FOLDER").items())
    if len(data) > 1:
        raise ValueError(f"--data takes one data set, got {len(data)}")
    use_threads(args.threads)
    text = ablation(
        args.out,
        named_values("--denoiser", args.denoiser, "SOURCE"),
        data[0] if data else None,
        args.sigma,
        args.seed,
        args.first,
        size,
        args.rounds,
        choose_device(args.device),
    )
    print(text)
    print(f"written to {args.out}")
