"""Score denoisers on clean images under the same noise, as in Tables II and III.

Writes benchmark.md, images.csv, averages.csv and psnr.png. Results are kept in
results.jsonl as they come: run the same command again to go on after a kill.
{sigma} in a denoiser's source stands for the level.
"""

from __future__ import annotations

import argparse
import os.path as osp

from mmdenoise.cli.options import (
    add_denoisers,
    add_device,
    add_first,
    add_out,
    add_seed,
    add_threads,
    named_values,
    old_name,
    read_level,
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    add_denoisers(parser, "a column of the tables", "--method")
    parser.add_argument(
        "--data",
        action="append",
        required=True,
        metavar="NAME=FOLDER",
        help="clean images; kodak24 and cbsd68 get the paper's values; may be given "
        "several times",
    )
    levels = dict(type=read_level, nargs="+")
    parser.add_argument(
        "--sigma",
        default=[25, 35, 50],
        help="levels of the noise in 8-bit units (25 35 50 without it)",
        **levels,
    )
    old_name(parser, "--sigma", "--sigmas", **levels)
    add_seed(parser)
    add_first(parser)
    add_threads(parser)
    add_device(parser)
    add_out(parser, osp.join("work_dirs", "benchmark"), "--out-dir")


def run(args: argparse.Namespace) -> None:
    """Benchmark."""
    from mmdenoise.apis.methods import Method
    from mmdenoise.benchmarks.accuracy import benchmark
    from mmdenoise.cli.devices import choose_device, use_threads

    sources = named_values("--denoiser", args.denoiser, "SOURCE")
    if not sources:
        raise ValueError("name what is compared: --denoiser NAME=SOURCE")
    data = named_values("--data", args.data, "FOLDER")
    use_threads(args.threads)
    found = benchmark(
        [Method(name, source) for name, source in sources.items()],
        data,
        args.sigma,
        args.out,
        args.seed,
        args.first,
        choose_device(args.device),
    )
    print(f"{len(found.scores)} results in {args.out}: benchmark.md, psnr.png")
    if found.failures:
        raise RuntimeError(
            f"{len(found.failures)} failed: {'; '.join(found.failures[:3])}"
        )
