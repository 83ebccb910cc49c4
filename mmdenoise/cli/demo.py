"""Run the main job on generated data: networks, tables and a picture, in minutes.

Trains a small segmentor on clean images, a denoiser by itself, and then, from that
denoiser, one with the reconstruction loss alone and one with the joint loss: the same
iterations on the same images under the same noise. Then a classifier of the same
textures, and a denoiser trained jointly with it: in the end each network gets images
from the denoiser that was trained for the other one. What is finished is reused, what
was interrupted goes on from its newest checkpoint.
"""

from __future__ import annotations

import argparse
import os.path as osp

from mmdenoise.cli.options import add_out, add_seed


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    add_seed(parser, "training and noise")
    add_out(parser, osp.join("work_dirs", "demo"), "--out-dir")


def run(args: argparse.Namespace) -> None:
    """Run the demo."""
    from mmdenoise.apis.demo import run_demo

    run_demo(args.out, args.seed)
