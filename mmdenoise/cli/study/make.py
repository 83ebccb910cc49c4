r"""Make a page on which people rank denoisers' pictures, and its key.

mmdenoise study make photos/*.png --sigma 50 --out study \
    --denoiser ours=multiscale_sigma50 --denoiser CBM3D=CBM3D

Give raters study.html; keep study_key.json, which says what is whose.
"""

from __future__ import annotations

import argparse

from mmdenoise.cli.image_options import add_images, methods_of
from mmdenoise.cli.options import add_out


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    add_images(parser, "what raters compare")
    parser.add_argument("--title", help="what raters read at the top")
    add_out(parser, "study")
    parser.add_argument(
        "--overwrite", action="store_true", help="replace the two files"
    )


def run(args: argparse.Namespace) -> None:
    """Make the page."""
    from mmdenoise.apis.study import TITLE, make_study

    written = make_study(
        methods_of(args),
        args.images,
        args.out,
        TITLE if args.title is None else args.title,
        args.overwrite,
    )
    for path in written:
        print(f"written: {path}")
