"""Denoise an image that is noisy already, and predict: writes both."""

from __future__ import annotations

import argparse

from mmdenoise.cli.options import add_config, add_device, add_out, old_name


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    add_config(parser)
    parser.add_argument(
        "checkpoint",
        metavar="CHECKPOINT",
        help="a cascade's or denoiser's checkpoint, a denoiser file, or a name in the "
        "zoo",
    )
    parser.add_argument("image", metavar="IMAGE", help="the noisy image")
    add_out(parser, "outputs", "--out-dir")
    add_device(parser)
    # It was taken, and nothing was written there.
    old_name(parser, "--work-dir", "--work-dir")


def run(args: argparse.Namespace) -> None:
    """Predict."""
    from mmdenoise.apis.predict import predict_image, write_prediction
    from mmdenoise.cli.devices import choose_device
    from mmdenoise.cli.runs import read_config

    cfg = read_config(args)
    device = choose_device(args.device)
    sample = predict_image(cfg, args.checkpoint, args.image, device)
    for path in write_prediction(sample, cfg, args.out):
        print(f"written: {path}")
