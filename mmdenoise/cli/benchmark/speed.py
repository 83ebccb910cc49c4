"""Time denoisers in turns: seconds per megapixel, ratios to the first, and PSNR."""

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
    image = parser.add_mutually_exclusive_group()
    image.add_argument(
        "--size",
        default="768x512",
        metavar="WIDTHxHEIGHT",
        help="of the image, smooth random colours",
    )
    image.add_argument("--image", metavar="FILE", help="a clean image to take instead")
    parser.add_argument(
        "--precision",
        nargs="+",
        choices=["float32", "bfloat16"],
        default=["float32"],
        help="what denoisers compute in; both are timed in turns",
    )
    parser.add_argument("--rounds", type=int, default=7, help="that are timed")
    parser.add_argument("--warm-up", type=int, default=1, help="rounds that are not")
    parser.add_argument("--tile", type=int, help="side of a tile; 0 for none")
    add_threads(parser)
    add_device(parser)


def run(args: argparse.Namespace) -> None:
    """Measure, and print a table."""
    from mmdenoise.apis.methods import Method
    from mmdenoise.benchmarks import speed
    from mmdenoise.cli.devices import choose_device, use_threads

    if args.image is None:
        clean = speed.smooth_image(speed.image_size(args.size))
    else:
        clean = speed.image_of(args.image)
    sources = named_values("--denoiser", args.denoiser, "SOURCE")
    if not sources:
        raise ValueError("name what is timed: --denoiser NAME=SOURCE")
    device = choose_device(args.device)
    use_threads(args.threads)
    methods = [Method(name, source) for name, source in sources.items()]
    found = speed.measure_speed(
        speed.load_all(methods, args.sigma, device),
        clean,
        args.sigma,
        args.rounds,
        args.warm_up,
        args.tile,
        args.precision,
    )
    print(speed.speed_table(found))
    size = tuple(clean.shape[-2:])
    print(f"\n{speed.conditions(size, args.rounds, device)}")
