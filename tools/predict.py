"""Denoise an image that is noisy already, and predict: writes both."""

import torch

from mmdenoise.apis.predict import predict_image, write_prediction
from mmdenoise.cli.common import command_line, read_config, run_tool


def parse_args():
    parser = command_line(__doc__)
    parser.add_argument(
        "checkpoint", help="a cascade's or denoiser's checkpoint, or a release"
    )
    parser.add_argument("image", help="the noisy image")
    parser.add_argument("--out-dir", default="outputs", help="folder for the results")
    parser.add_argument(
        "--device", default="cuda" if torch.cuda.is_available() else "cpu"
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    cfg = read_config(args)
    sample = predict_image(cfg, args.checkpoint, args.image, args.device)
    for path in write_prediction(sample, cfg, args.out_dir):
        print(f"written: {path}")


if __name__ == "__main__":
    run_tool(main)
