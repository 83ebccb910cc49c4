"""Compare denoisers in front of one head: clean, noisy, and each checkpoint given."""

from mmdenoise.apis.compare import arms_of, compare
from mmdenoise.cli.common import command_line, named_values, read_config, run_tool


def parse_args():
    parser = command_line(__doc__)
    parser.add_argument(
        "--arm",
        action="append",
        default=[],
        metavar="NAME=CHECKPOINT",
        help="a row of the table; may be given several times",
    )
    parser.add_argument("--noise-seeds", type=int, nargs="+", default=[0])
    parser.add_argument(
        "--keys",
        nargs="+",
        default=[],
        help="the columns, mIoU PSNR SSIM for instance; all metrics without it",
    )
    parser.add_argument(
        "--difference",
        action="append",
        default=[],
        nargs=2,
        metavar=("ARM", "ARM"),
        help="a paired bootstrap interval of the first minus the second; may be given "
        "several times",
    )
    parser.add_argument(
        "--images", type=int, nargs="*", default=[], help="test images for the panel"
    )
    parser.add_argument(
        "--maps-only",
        action="store_true",
        help="leave images and ground truth out of the panel",
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    cfg = read_config(args)
    checkpoints = named_values("--arm", args.arm, "CHECKPOINT")
    text = compare(
        cfg,
        arms_of(checkpoints),
        cfg.work_dir,
        args.keys,
        args.noise_seeds,
        [tuple(pair) for pair in args.difference],
        args.images,
        args.maps_only,
    )
    print(text)
    print(f"written to {cfg.work_dir}")


if __name__ == "__main__":
    run_tool(main)
