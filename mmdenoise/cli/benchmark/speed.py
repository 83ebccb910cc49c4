"""Time denoisers in turns: seconds per megapixel, and ratios to the first."""

from __future__ import annotations

import argparse

from mmdenoise.cli.options import (
    add_denoisers,
    add_device,
    add_sigma,
    add_threads,
    named_values,
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    add_denoisers(parser, "a row of the table", "--method")
    add_sigma(parser, 25)
    parser.add_argument(
        "--size", default="768x512", metavar="WIDTHxHEIGHT", help="of the image"
    )
    parser.add_argument("--rounds", type=int, default=7, help="that are timed")
    parser.add_argument("--warm-up", type=int, default=1, help="rounds that are not")
    parser.add_argument("--tile", type=int, help="side of a tile; 0 for none")
    add_threads(parser)
    add_device(parser)


def run(args: argparse.Namespace) -> None:
    """Measure, and print a table."""
    from mmdenoise.apis.methods import Method
    from mmdenoise.benchmarks.speed import (
        conditions,
        image_size,
        load_all,
        measure_speed,
        speed_table,
    )
    from mmdenoise.cli.devices import choose_device, use_threads

    size = image_size(args.size)
    sources = named_values("--denoiser", args.denoiser, "SOURCE")
    if not sources:
        raise ValueError("name what is timed: --denoiser NAME=SOURCE")
    device = choose_device(args.device)
    use_threads(args.threads)
    methods = [Method(name, source) for name, source in sources.items()]
    denoisers = load_all(methods, args.sigma, device)
    seconds = measure_speed(
        denoisers, size, args.sigma, args.rounds, args.warm_up, args.tile
    )
    print(speed_table(seconds))
    print(f"\n{conditions(size, args.rounds, device)}")
