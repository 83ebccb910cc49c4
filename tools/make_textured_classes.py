"""Make the generated classification set: MMPretrain's layout, same seed same bytes.

python tools/make_textured_classes.py data/textured_classes
"""

import argparse
import inspect
import time

from mmdenoise.cli.common import run_tool
from mmdenoise.datasets.textured_classes import CLASSES, make_class_dataset


def main() -> None:
    defaults = {
        name: parameter.default
        for name, parameter in inspect.signature(make_class_dataset).parameters.items()
    }
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("out", help="the set's own folder; reused where it is finished")
    for name, text in (
        ("seed", "another seed gives other pictures"),
        ("train", "number of training images of each class"),
        ("val", "number of validation images of each class"),
        ("size", "height and width in pixels"),
    ):
        parser.add_argument(f"--{name}", type=int, default=defaults[name], help=text)
    args = parser.parse_args()
    start = time.perf_counter()
    root = make_class_dataset(
        args.out, seed=args.seed, train=args.train, val=args.val, size=args.size
    )
    print(
        f"{root}: {len(CLASSES)} classes of {args.train} + {args.val} images, "
        f"{time.perf_counter() - start:.1f} s"
    )


if __name__ == "__main__":
    run_tool(main)
