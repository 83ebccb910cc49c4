r"""Compare denoisers in front of one head: clean, noisy, and each that is given.

mmdenoise compare my_cascade.py --denoiser separate=multiscale_sigma60 \
    --denoiser joint=work_dirs/my_cascade/iter_60000.pth --difference joint separate
"""

from __future__ import annotations

import argparse

from mmdenoise.cli.options import (
    add_config,
    add_denoisers,
    add_inference_precision,
    add_out,
    add_overwrite,
    add_sigma,
    old_name,
    read_seed,
)

NEEDS = ("model.denoiser", "test_dataloader", "test_evaluator")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    add_config(parser)
    add_denoisers(parser, "a row of the table", "--arm")
    add_out(parser, None, "--work-dir")
    seeds = dict(type=read_seed, nargs="+")
    parser.add_argument(
        "--seed", default=[0], help="of the noise; several are averaged", **seeds
    )
    old_name(parser, "--seed", "--noise-seeds", **seeds)
    parser.add_argument(
        "--keys",
        nargs="+",
        default=[],
        help="the columns, mIoU PSNR SSIM for instance; all metrics without it",
    )
    parser.add_argument(
        "--difference",
        action="append",
        default=[],
        nargs=2,
        metavar=("NAME", "NAME"),
        help="a paired bootstrap interval of the first minus the second; may be given "
        "several times",
    )
    parser.add_argument(
        "--images", type=int, nargs="*", default=[], help="test images for the panel"
    )
    parser.add_argument(
        "--maps-only",
        action="store_true",
        help="leave images and ground truth out of the panel",
    )
    add_sigma(
        parser,
        None,
        " in images that are noisy already (noise=None), for denoisers that take it",
    )
    add_inference_precision(parser, "float32, unless the config says another")
    add_overwrite(parser, "a table and a panel")


def run(args: argparse.Namespace) -> None:
    """Compare."""
    from mmdenoise.apis.compare import compare
    from mmdenoise.cli.options import named_values
    from mmdenoise.cli.runs import read_config
    from mmdenoise.cli.work_dirs import claim_work_dir

    cfg = read_config(args, args.out, NEEDS)
    claim_work_dir(cfg)
    text = compare(
        cfg,
        named_values("--denoiser", args.denoiser, "SOURCE"),
        cfg.work_dir,
        args.keys,
        args.seed,
        [tuple(pair) for pair in args.difference],
        args.images,
        args.maps_only,
        args.overwrite,
        args.precision,
        args.sigma,
    )
    print(text)
    print(f"written to {cfg.work_dir}")
