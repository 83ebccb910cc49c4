"""Write the denoiser of a checkpoint alone, with what it is: a release file.

python tools/export_denoiser.py work_dirs/joint/iter_60000.pth joint.safetensors
"""

import argparse
import os.path as osp

from mmengine.config import Config

from mmdenoise.cli.common import run_tool
from mmdenoise.weights.export import export_denoiser


def parse_args():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("checkpoint", help="a cascade's or denoiser's checkpoint")
    parser.add_argument("out", help="OUT.safetensors, or OUT.pth")
    parser.add_argument(
        "--config",
        help="the training's config; without it the checkpoint's own record is used",
    )
    parser.add_argument(
        "--ema",
        action=argparse.BooleanOptionalAction,
        help="insist on averaged weights, or take the training's own; without either, "
        "what tests of the checkpoint see: averaged ones, where there are any",
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    if args.config is not None and not osp.isfile(args.config):
        raise FileNotFoundError(f"there is no config {args.config!r}")
    cfg = None if args.config is None else Config.fromfile(args.config)
    info = export_denoiser(args.checkpoint, args.out, cfg, args.ema)
    for key, value in info.items():
        print(f"{key}: {value}")
    print(f"written: {args.out}")


if __name__ == "__main__":
    run_tool(main)
