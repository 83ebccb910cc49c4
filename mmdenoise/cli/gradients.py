"""Show where each term of the joint loss pulls at the noisy image (Figure 3).

mmdenoise gradients my_cascade.py joint.pth --index 0 7 19 --out gradients.png

Prints the share of each term's energy in the 10% of pixels that hold the most of it,
and on the object: what a label map or a detector's boxes say, or --box.
"""

from __future__ import annotations

import argparse

from mmdenoise.cli.options import add_config, add_device, add_out, add_seed


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    add_config(parser)
    parser.add_argument(
        "checkpoint",
        metavar="CHECKPOINT",
        nargs="?",
        help="a cascade's or denoiser's checkpoint, a denoiser file, or a name in the "
        "zoo; without it the config's denoiser_checkpoint",
    )
    parser.add_argument(
        "--index",
        type=int,
        nargs="+",
        default=[0, 1, 2],
        metavar="I",
        help="images of the test set, by their number from 0 (0 1 2 without it)",
    )
    parser.add_argument(
        "--box",
        type=int,
        nargs=4,
        action="append",
        default=[],
        metavar=("X", "Y", "WIDTH", "HEIGHT"),
        help="where the object is, in pixels of what the denoiser gets; once an image",
    )
    add_seed(parser)
    add_device(parser)
    add_out(parser, "gradients.png", help="a .png, .jpg or .pdf file")
    parser.add_argument("--overwrite", action="store_true", help="replace the file")


def run(args: argparse.Namespace) -> None:
    """Measure, print and draw."""
    from mmdenoise.apis.gradients import gradient_block, gradient_table, loss_gradients
    from mmdenoise.apis.panels import check_path, save_figure
    from mmdenoise.cli.devices import choose_device
    from mmdenoise.cli.runs import read_config
    from mmdenoise.visualization.method_panel import draw_method_panel

    check_path(args.out, args.overwrite)
    cfg = read_config(args)
    if cfg.model.get("noise") is not None:
        cfg.model.noise.seed = args.seed
    given = (args.checkpoint, args.index, args.box, choose_device(args.device))
    found = list(loss_gradients(cfg, *given))
    save_figure(draw_method_panel([gradient_block(one) for one in found]), args.out)
    print(gradient_table(args.index, found))
    print(f"written: {args.out}")
