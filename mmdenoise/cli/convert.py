"""Make a denoiser file of a DnCNN or FFDNet as their authors published it.

mmdenoise convert FFDNet_color.mat ffdnet.pth
mmdenoise convert dncnn_color.pth dncnn_sigma25.pth --sigma 25
"""

from __future__ import annotations

import argparse
import os.path as osp

from mmdenoise.cli.options import add_overwrite, add_sigma
from mmdenoise.weights.endings import WRITTEN


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument(
        "source",
        metavar="SOURCE",
        help="their file: MatConvNet's .mat (version 5 or 7.3), or a .pth",
    )
    parser.add_argument("out", metavar="OUT", help=f"OUT{' or OUT'.join(WRITTEN)}")
    add_sigma(parser, None, "; else by the file's name, if it says")
    add_overwrite(parser, "files")


def run(args: argparse.Namespace) -> None:
    """Convert."""
    from mmdenoise.output_checks import check_writable, refuse_existing
    from mmdenoise.weights.convert import convert_denoiser

    refuse_existing([args.out], args.overwrite)
    check_writable(osp.dirname(args.out))
    conversion = convert_denoiser(args.source, args.out, args.sigma)
    print(f"found: {conversion.found}")
    print(f"sigma: {conversion.level}")
    for key, value in conversion.info.items():
        print(f"{key}: {value}")
    print(f"written: {args.out}")
