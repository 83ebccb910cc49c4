"""Denoise images: a file, a folder, or a pattern of files.

mmdenoise denoise photo.jpg clean.jpg               # whatever the noise is
mmdenoise denoise photo.jpg clean.jpg --sigma 25    # it is known
mmdenoise denoise photo.png clean.png --sigma auto  # it is measured
mmdenoise denoise photos/ clean/                    # all below a folder
mmdenoise denoise 'photos/**/*.png' clean/
"""

from __future__ import annotations

import argparse

from mmdenoise.cli.options import (
    add_device,
    add_inference_precision,
    add_overwrite,
    add_sigma,
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument(
        "sources",
        nargs="+",
        metavar="IN",
        help="PNG, JPEG, TIFF, WebP, BMP or PPM files, folders of them, or quoted "
        "patterns",
    )
    parser.add_argument(
        "out", metavar="OUT", help="a file for one image; a folder for several"
    )
    parser.add_argument(
        "--denoiser",
        metavar="SOURCE",
        help="a name of the model zoo, a denoiser file, or a training's checkpoint; "
        "without it, the zoo's for --sigma, and its blind one without --sigma",
    )
    add_sigma(parser, None, ", also for images of 16 bits", auto=True)
    parser.add_argument(
        "--white-level",
        type=float,
        metavar="VALUE",
        help="the value of white: 4095 for 12 bits in 16; without it the file's, or "
        "found from its values and said",
    )
    parser.add_argument(
        "--tile",
        type=int,
        help="side of a tile in pixels, 0 for the whole image at once; by default 512 "
        "where tiles change nothing, else the whole image",
    )
    add_inference_precision(
        parser, "bfloat16 there for images of 8 bits a value, else float32"
    )
    add_overwrite(parser, "files")
    parser.add_argument(
        "--resume",
        action="store_true",
        help="go on with a folder: keep what an earlier run made of the same images, "
        "denoiser and options, and replace what it made of others",
    )
    add_device(parser)


def run(args: argparse.Namespace) -> int:
    """Denoise; 1 if an image could not be."""
    from mmdenoise.apis.denoise_files import Options, check_outputs, denoise_files
    from mmdenoise.apis.denoiser import load_denoiser
    from mmdenoise.apis.file_plan import plan_files
    from mmdenoise.apis.measured_level import AUTO, WEAKEST, load_for_auto
    from mmdenoise.apis.zoo_choice import zoo_choice
    from mmdenoise.cli.devices import choose_device

    plan = plan_files(args.sources, args.out)
    check_outputs(plan, args.overwrite, args.resume)
    device = choose_device(args.device)
    source, sigma = args.denoiser, args.sigma
    level = AUTO if sigma == AUTO else None
    if source is None:
        source, sigma = zoo_choice(WEAKEST if level else sigma)
    if level:
        denoiser = load_for_auto(source, device)
    else:
        denoiser = load_denoiser(source, device, sigma)
    options = Options(args.tile, level, args.white_level, args.precision)
    outcome = denoise_files(denoiser, plan, options, args.resume)
    print(outcome.summary(len(plan.pairs)))
    return 1 if outcome.failed else 0
