"""Turn raters' answers into scores: mean opinion, Bradley-Terry, agreement; a chart.

mmdenoise study collect study/study_key.json answers/*.json --out study/scores
"""

from __future__ import annotations

import argparse
import os.path as osp

from mmdenoise.cli.options import add_out


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("key", metavar="KEY", help="study_key.json of the study")
    parser.add_argument(
        "answers", metavar="ANSWERS", nargs="+", help="files that raters saved"
    )
    parser.add_argument(
        "--screening",
        choices=["chance", "p910", "bt500", "none"],
        default="chance",
        help="whom to discard: raters who agree with the others no better than chance, "
        "or by the rule of ITU-T P.910 or ITU-R BT.500 (chance without it)",
    )
    add_out(parser, osp.join("study", "scores"))
    parser.add_argument("--overwrite", action="store_true", help="replace the files")


def run(args: argparse.Namespace) -> None:
    """Collect."""
    from mmdenoise.apis.opinions import collect_opinions, write_opinions

    opinions = collect_opinions(args.key, args.answers, args.screening)
    written = write_opinions(opinions, args.out, args.overwrite)
    print(opinions.markdown())
    for path in written:
        print(f"written: {path}")
