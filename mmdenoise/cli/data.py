"""Make a generated data set; the same seed gives the same bytes.

mmdenoise data shapes data/textured_shapes      # segmentation, VOC's layout, in PNG
mmdenoise data classes data/textured_classes    # classification, MMPretrain's layout
"""

from __future__ import annotations

import argparse
import json
import time

from mmdenoise.cli.options import add_seed


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument(
        "kind", metavar="SET", choices=("shapes", "classes"), help="shapes or classes"
    )
    parser.add_argument(
        "out", metavar="OUT", help="the set's own folder; reused where it is finished"
    )
    add_seed(parser, "the pictures")
    for name, text in (
        ("train", "training images, of each class for classes (400; 60 a class)"),
        ("val", "validation images, of each class for classes (100; 50 a class)"),
        ("size", "height and width in pixels (96; 48)"),
    ):
        parser.add_argument(f"--{name}", type=int, help=text)


def run(args: argparse.Namespace) -> None:
    """Make the set."""
    from mmdenoise.datasets.textured_classes import CLASSES, make_class_dataset
    from mmdenoise.datasets.textured_shapes import make_voc_dataset

    make = make_voc_dataset if args.kind == "shapes" else make_class_dataset
    given = {name: getattr(args, name) for name in ("train", "val", "size")}
    given = {name: value for name, value in given.items() if value is not None}
    start = time.perf_counter()
    root = make(args.out, seed=args.seed, **given)
    made = json.loads((root / "meta.json").read_text(encoding="utf-8"))
    classes = f"{len(CLASSES)} classes of " if args.kind == "classes" else ""
    print(
        f"{root}: {classes}{made['train']} + {made['val']} images, "
        f"{time.perf_counter() - start:.1f} s"
    )
