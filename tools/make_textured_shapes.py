"""Make the generated segmentation set: VOC's layout, seconds, same seed same bytes.

python tools/make_textured_shapes.py data/textured_shapes
"""

import argparse
import inspect
import time

from mmdenoise.cli.common import run_tool
from mmdenoise.datasets.textured_shapes import make_voc_dataset


def main() -> None:
    defaults = {
        name: parameter.default
        for name, parameter in inspect.signature(make_voc_dataset).parameters.items()
    }
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("out", help="the set's own folder; reused where it is finished")
    for name, text in (
        ("seed", "another seed gives other pictures"),
        ("train", "number of training images"),
        ("val", "number of validation images"),
        ("size", "height and width in pixels"),
    ):
        parser.add_argument(f"--{name}", type=int, default=defaults[name], help=text)
    args = parser.parse_args()
    start = time.perf_counter()
    root = make_voc_dataset(
        args.out, seed=args.seed, train=args.train, val=args.val, size=args.size
    )
    print(
        f"{root}: {args.train} + {args.val} images, {time.perf_counter() - start:.1f} s"
    )


if __name__ == "__main__":
    run_tool(main)
