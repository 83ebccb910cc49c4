"""Write the denoiser of a checkpoint alone, with what it is: a denoiser file.

mmdenoise export work_dirs/joint/iter_60000.pth joint.pth
"""

from __future__ import annotations

import argparse
import os.path as osp

from mmdenoise.cli.errors import about
from mmdenoise.cli.options import add_overwrite
from mmdenoise.weights.endings import WRITTEN


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument(
        "checkpoint",
        metavar="CHECKPOINT",
        help="a cascade's or denoiser's checkpoint",
    )
    parser.add_argument("out", metavar="OUT", help=f"OUT{' or OUT'.join(WRITTEN)}")
    parser.add_argument(
        "--config",
        help="the training's config; without it the checkpoint's own record is used",
    )
    parser.add_argument(
        "--ema",
        action=argparse.BooleanOptionalAction,
        help="insist on averaged weights, or take the training's own; without either, "
        "what tests of the checkpoint see: averaged ones, where there are any",
    )
    add_overwrite(parser, "files")


def run(args: argparse.Namespace) -> None:
    """Export."""
    from mmdenoise.config_files import open_config
    from mmdenoise.output_checks import check_writable, refuse_existing
    from mmdenoise.weights.export import export_denoiser

    refuse_existing([args.out], args.overwrite)
    check_writable(osp.dirname(args.out))
    cfg = None if args.config is None else open_config(args.config)
    with about(args.checkpoint):
        info = export_denoiser(args.checkpoint, args.out, cfg, args.ema)
    for key, value in info.items():
        print(f"{key}: {value}")
    print(f"written: {args.out}")
