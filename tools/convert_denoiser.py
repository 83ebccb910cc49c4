"""Make a release file of a DnCNN or FFDNet as their authors published it.

python tools/convert_denoiser.py FFDNet_color.mat ffdnet.safetensors
python tools/convert_denoiser.py dncnn_color.pth dncnn_sigma25.safetensors --sigma 25
"""

import argparse

from mmdenoise.cli.common import run_tool
from mmdenoise.weights.convert import convert_denoiser


def parse_args():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "source", help="their file: MatConvNet's .mat (version 5 or 7.3), or a .pth"
    )
    parser.add_argument("out", help="OUT.safetensors, or OUT.pth")
    parser.add_argument(
        "--sigma",
        type=float,
        help="level of the noise in 8-bit units; else by the file's name, if it says",
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    conversion = convert_denoiser(args.source, args.out, args.sigma)
    print(f"found: {conversion.found}")
    print(f"sigma: {conversion.level}")
    for key, value in conversion.info.items():
        print(f"{key}: {value}")
    print(f"written: {args.out}")


if __name__ == "__main__":
    run_tool(main)
