"""Score denoisers on clean images under the same noise, as in Tables II and III.

Writes benchmark.md, images.csv, averages.csv and psnr.png. Results are kept in
results.jsonl as they come: run the same command again to go on after a kill.
"""

import argparse

import torch

from mmdenoise.benchmarks.accuracy import benchmark
from mmdenoise.benchmarks.methods import Method
from mmdenoise.cli.common import named_values, run_tool


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--method",
        action="append",
        required=True,
        metavar="NAME=SPEC",
        help="a column: a name of the zoo, a file, or a class without weights (CBM3D); "
        "{sigma} in it stands for the level; may be given several times",
    )
    parser.add_argument(
        "--data",
        action="append",
        required=True,
        metavar="NAME=FOLDER",
        help="clean images; kodak24 and cbsd68 get the paper's values; may be given "
        "several times",
    )
    parser.add_argument(
        "--sigmas", type=float, nargs="+", default=[25, 35, 50], help="in 8-bit units"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the noise")
    parser.add_argument("--first", type=int, help="only so many images of each set")
    parser.add_argument("--threads", type=int, help="of PyTorch on the CPU")
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1")
    parser.add_argument("--out-dir", default="work_dirs/benchmark")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    methods = named_values("--method", args.method, "SPEC")
    data = named_values("--data", args.data, "FOLDER")
    if args.threads is not None:
        torch.set_num_threads(args.threads)
    found = benchmark(
        [Method(name, spec) for name, spec in methods.items()],
        data,
        args.sigmas,
        args.out_dir,
        args.seed,
        args.first,
        args.device,
    )
    print(f"{len(found.scores)} results in {args.out_dir}: benchmark.md, psnr.png")
    if found.failures:
        raise RuntimeError(
            f"{len(found.failures)} failed: {'; '.join(found.failures[:3])}"
        )


if __name__ == "__main__":
    run_tool(main)
