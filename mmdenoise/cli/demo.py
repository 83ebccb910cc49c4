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

from mmdenoise.cli.image_options import add_config_option
from mmdenoise.cli.options import add_device, add_out, add_seed


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    add_seed(parser, "training and noise")
    add_out(parser, osp.join("work_dirs", "demo"), "--out-dir")
    parser.add_argument(
        "--page",
        action="store_true",
        help="open a live page on the segmentor's denoisers, or on your own cascade",
    )
    add_config_option(parser)
    parser.add_argument(
        "--checkpoint",
        help="with --config: a cascade's or denoiser's checkpoint, a denoiser file, or "
        "a name in the zoo",
    )
    parser.add_argument("--port", type=int, help="of the page; without it a free one")
    add_device(parser)


def run(args: argparse.Namespace) -> None:
    """Run the demo, or open the page."""
    from mmdenoise.apis.demo import run_demo

    if args.page:
        _open_page(args)
        return
    for option in ("config", "checkpoint", "cfg_options", "port", "device"):
        if getattr(args, option) is not None:
            name = option.replace("_", "-")
            raise ValueError(f"--{name} goes with --page: the demo trains its own")
    run_demo(args.out, args.seed)


def _open_page(args: argparse.Namespace) -> None:
    from mmdenoise.visualization.live_page import build_page, check_gradio, open_page

    check_gradio()
    from mmdenoise.apis.live_demo import LiveDemo, cascade_sources
    from mmdenoise.cli.devices import choose_device
    from mmdenoise.cli.runs import read_config

    device = choose_device(args.device)
    examples: list[str] = []
    if args.config is None:
        from mmdenoise.apis.demo import demo_cascade, demo_images

        if args.checkpoint is not None or args.cfg_options is not None:
            raise ValueError("--checkpoint and --cfg-options go with --config")
        cfg, sources = demo_cascade(args.out, args.seed)
        examples = demo_images(args.out)
    else:
        cfg = read_config(args)
        sources = cascade_sources(cfg, args.checkpoint)
    live = LiveDemo(cfg, sources, device)
    page = build_page(live.run, live.methods, examples, live.sigma)
    open_page(page, args.port, [osp.dirname(one) for one in examples[:1]])
