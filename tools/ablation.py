"""Table I's designs: parameters, multiply-adds, field, speed, and PSNR with weights."""

import argparse

import torch

from mmdenoise.benchmarks.designs import ablation
from mmdenoise.benchmarks.published import DESIGN_SIGMA, DESIGNS
from mmdenoise.benchmarks.speed import image_size
from mmdenoise.cli.common import named_values, run_tool


def parse_args():
    parser = argparse.ArgumentParser(
        description=__doc__, epilog="designs: " + " ".join(d.name for d in DESIGNS)
    )
    parser.add_argument(
        "--weights",
        action="append",
        default=[],
        metavar="DESIGN=FILE",
        help="trained weights of a design; may be given several times",
    )
    parser.add_argument(
        "--data",
        action="append",
        default=[],
        metavar="NAME=FOLDER",
        help="clean images to score the weights on; kodak24 in the paper",
    )
    parser.add_argument(
        "--sigma", type=float, default=DESIGN_SIGMA, help="in 8-bit units"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the noise")
    parser.add_argument("--first", type=int, help="only so many images")
    parser.add_argument(
        "--size", default="768x512", metavar="WIDTHxHEIGHT", help="timed on"
    )
    parser.add_argument("--rounds", type=int, default=5, help="that are timed")
    parser.add_argument("--threads", type=int, help="of PyTorch on the CPU")
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1")
    parser.add_argument("--out-dir", default="work_dirs/ablation")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    size = image_size(args.size)
    data = list(named_values("--data", args.data, "FOLDER").items())
    if len(data) > 1:
        raise ValueError(f"--data takes one data set, got {len(data)}")
    if args.threads is not None:
        torch.set_num_threads(args.threads)
    text = ablation(
        args.out_dir,
        named_values("--weights", args.weights, "FILE"),
        data[0] if data else None,
        args.sigma,
        args.seed,
        args.first,
        size,
        args.rounds,
        args.device,
    )
    print(text)
    print(f"written to {args.out_dir}")


if __name__ == "__main__":
    run_tool(main)
