"""Denoise images: a file, a folder, or a pattern of files.

python tools/denoise.py photo.jpg clean.jpg               # whatever the noise is
python tools/denoise.py photo.jpg clean.jpg --sigma 25    # it is known
python tools/denoise.py photos/ clean/                    # all below a folder
python tools/denoise.py 'photos/**/*.png' clean/
"""

import argparse
import sys

from mmdenoise.apis import load_denoiser
from mmdenoise.apis.denoise_files import denoise_files, plan_files
from mmdenoise.cli.common import run_tool
from mmdenoise.weights.zoo import zoo_name


def parse_args():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "sources",
        nargs="+",
        metavar="IN",
        help="PNG, JPEG or TIFF files, folders of them, or quoted patterns",
    )
    parser.add_argument(
        "out", metavar="OUT", help="a file for one image; a folder for several"
    )
    parser.add_argument(
        "--denoiser",
        help="a name of the model zoo, a release, or a training's checkpoint; without "
        "it, the zoo's for --sigma, and its blind one without --sigma",
    )
    parser.add_argument(
        "--sigma",
        type=float,
        help="level of the noise in 8-bit units, also for images of 16 bits",
    )
    parser.add_argument(
        "--tile",
        type=int,
        help="side of a tile in pixels, 0 for the whole image at once; by default 512 "
        "where tiles change nothing, else the whole image",
    )
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    pairs = plan_files(args.sources, args.out)
    if args.denoiser is None:
        denoiser = load_denoiser(zoo_name(args.sigma), args.device)
    else:
        denoiser = load_denoiser(args.denoiser, args.device, args.sigma)
    outcome = denoise_files(denoiser, pairs, args.tile)
    summary = f"denoised {len(outcome.written)} of {len(pairs)} images"
    if outcome.failed:
        summary += f"; {len(outcome.failed)} failed, as said above"
    print(summary)
    sys.exit(1 if outcome.failed else 0)


if __name__ == "__main__":
    run_tool(main)
