r"""Show denoisers' pictures side by side, a region enlarged, what a head sees below.

mmdenoise panels photo.png --sigma 50 --denoiser ours=multiscale_sigma50 \
    --denoiser CBM3D=CBM3D --out panel.pdf
mmdenoise panels noisy.jpg --noisy --clean mean.jpg --denoiser ours=multiscale_blind
mmdenoise panels --config my_cascade.py --index 3 8 \
    --denoiser separate=multiscale_sigma60 --denoiser joint=joint.pth

Without --region it is where two denoisers differ most; it is printed.
"""

from __future__ import annotations

import argparse

from mmdenoise.cli.image_options import add_config_option, add_images, read_images
from mmdenoise.cli.options import add_out


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    add_images(parser, "a column", nargs="*")
    add_config_option(parser)
    parser.add_argument(
        "--index",
        type=int,
        nargs="+",
        default=[],
        metavar="I",
        help="images of the config's test set, by their number from 0",
    )
    parser.add_argument(
        "--clean",
        nargs="+",
        default=[],
        metavar="FILE",
        help="with --noisy: the clean version of each image, for PSNR and SSIM",
    )
    parser.add_argument(
        "--region",
        type=int,
        nargs=4,
        metavar=("X", "Y", "WIDTH", "HEIGHT"),
        help="what is enlarged, in pixels of the image that the denoiser gets",
    )
    add_out(
        parser, "panel.png", help="a .png, .jpg or .pdf file (panel.png without it)"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace the file")


def run(args: argparse.Namespace) -> None:
    """Draw."""
    from mmdenoise.apis.panels import check_path, method_panel, save_figure

    check_path(args.out, args.overwrite)
    images, classes = read_images(args)
    figure, regions = method_panel(images, args.region, classes)
    save_figure(figure, args.out)
    for region in filter(None, regions):
        print("--region", *region)
    print(f"written: {args.out}")
