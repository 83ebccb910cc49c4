"""Time denoisers in turns: seconds per megapixel, and ratios to the first."""

import argparse

import torch

from mmdenoise.benchmarks.methods import Method
from mmdenoise.benchmarks.speed import (
    conditions,
    image_size,
    load_all,
    measure_speed,
    speed_table,
)
from mmdenoise.cli.common import named_values, run_tool


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--method",
        action="append",
        required=True,
        metavar="NAME=SPEC",
        help="as of tools/benchmark_denoisers.py",
    )
    parser.add_argument("--sigma", type=float, default=25, help="in 8-bit units")
    parser.add_argument(
        "--size", default="768x512", metavar="WIDTHxHEIGHT", help="of the image"
    )
    parser.add_argument("--rounds", type=int, default=7, help="that are timed")
    parser.add_argument("--warm-up", type=int, default=1, help="rounds that are not")
    parser.add_argument("--tile", type=int, help="side of a tile; 0 for none")
    parser.add_argument("--threads", type=int, help="of each method on the CPU")
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    size = image_size(args.size)
    specs = named_values("--method", args.method, "SPEC")
    if args.threads is not None:
        torch.set_num_threads(args.threads)
    methods = [Method(name, spec) for name, spec in specs.items()]
    denoisers = load_all(methods, args.sigma, args.device)
    seconds = measure_speed(
        denoisers, size, args.sigma, args.rounds, args.warm_up, args.tile
    )
    print(speed_table(seconds))
    print(f"\n{conditions(size, args.rounds, args.device)}")


if __name__ == "__main__":
    run_tool(main)
