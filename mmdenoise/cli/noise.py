"""Tell the noise of image files: kind, level, and the noise model to train with.

mmdenoise noise photo.png
mmdenoise noise shots/*.png --plot noise.png     # of one camera setting
"""

from __future__ import annotations

import argparse

from mmdenoise.cli.options import add_overwrite


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument(
        "files", nargs="+", metavar="FILE", help="PNG, JPEG or TIFF files"
    )
    parser.add_argument(
        "--plot",
        metavar="PICTURE",
        help="draw the variance of the noise over brightness, of the files with white "
        "noise: a .png, .pdf or .svg file",
    )
    add_overwrite(parser, "the picture")


def run(args: argparse.Namespace) -> int:
    """Measure and print; 1 if a file could not be measured."""
    from mmdenoise.apis.noise_printout import print_noise

    return print_noise(args.files, args.plot, args.overwrite)
