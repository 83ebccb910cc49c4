"""Denoise images that are noisy already, and predict: writes both.

mmdenoise predict my_cascade.py multiscale_sigma60 photos --out predictions

Of each image: NAME_denoised.png; of a segmentor NAME_labels.png, NAME_overlay.png and
the classes in NAME_prediction.json; of a classifier NAME_prediction.json.
"""

from __future__ import annotations

import argparse

from mmdenoise.cli.errors import about
from mmdenoise.cli.options import (
    add_config,
    add_device,
    add_inference_precision,
    add_out,
    add_overwrite,
    add_sigma,
    old_name,
)

NEEDS = ("model.denoiser", "test_dataloader")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    add_config(parser)
    parser.add_argument(
        "checkpoint",
        metavar="CHECKPOINT",
        help="a cascade's or denoiser's checkpoint, a denoiser file, or a name in the "
        "zoo",
    )
    parser.add_argument(
        "images",
        nargs="+",
        metavar="IMAGE",
        help="noisy images: files, folders of them, or patterns in quotes",
    )
    add_sigma(parser, None, ", for a denoiser that takes one", auto=True)
    add_out(parser, "outputs", "--out-dir")
    add_inference_precision(parser, "bfloat16 there, else float32")
    add_overwrite(parser, "results")
    add_device(parser)
    # It was taken, and nothing was written there.
    old_name(parser, "--work-dir", "--work-dir")


def run(args: argparse.Namespace) -> None:
    """Predict."""
    from mmdenoise.apis.predict import predict_files
    from mmdenoise.cli.devices import choose_device
    from mmdenoise.cli.runs import read_config

    cfg = read_config(args, needs=NEEDS)
    with about(args.checkpoint):
        failed = predict_files(
            cfg,
            args.checkpoint,
            args.images,
            args.out,
            choose_device(args.device),
            args.sigma,
            args.overwrite,
            precision=args.precision,
        )
    print(f"written to {args.out}")
    if failed:
        raise RuntimeError(f"{len(failed)} images failed, as said above")
