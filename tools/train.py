"""Train a cascade, or a denoiser by itself: MMEngine's Runner on a config."""

from mmengine.device import is_cuda_available
from mmengine.runner import Runner

from mmdenoise.cli.common import (
    check_data,
    command_line,
    join_ranks,
    read_config,
    run_tool,
)
from mmdenoise.weights.mmengine_loading import checkpoint_to_resume


def parse_args():
    parser = command_line(__doc__)
    parser.add_argument(
        "--resume",
        action="store_true",
        help="go on from the newest checkpoint in the work folder",
    )
    parser.add_argument(
        "--trust-checkpoint",
        action="store_true",
        help="with --resume: the checkpoints in the work folder are your own; one that "
        "holds objects beside data is unpickled, which runs whatever it says. Needed "
        "where PyTorch is older than 2.6, and for schedulers that keep functions "
        "(OneCycleLR). No other file is opened so",
    )
    parser.add_argument(
        "--amp",
        nargs="?",
        const="float16",
        choices=["float16", "bfloat16"],
        help="train in automatic mixed precision: float16 (if no other is named), with "
        "dynamic loss scaling, or bfloat16, which needs none",
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    cfg = read_config(args)
    if args.amp:
        if not is_cuda_available():
            raise ValueError("--amp needs a GPU, and there is none: leave it out")
        cfg.optim_wrapper.type = "AmpOptimWrapper"
        cfg.optim_wrapper.dtype = args.amp
        # float16 underflows without; bfloat16 has the range of float32.
        scale = "dynamic" if args.amp == "float16" else 1.0
        cfg.optim_wrapper.setdefault("loss_scale", scale)
    elif cfg.optim_wrapper.get("type") == "AmpOptimWrapper" and not is_cuda_available():
        raise ValueError(
            "the config trains in mixed precision (AmpOptimWrapper), which needs a "
            "GPU, and there is none: choose another, or set OptimWrapper in its place"
        )
    if cfg.get("compile"):
        raise ValueError(
            "'compile' would trace the head, whose pass is listened to and stopped "
            "early: take it out of the config and set model.compile_denoiser=True"
        )
    if args.trust_checkpoint and not args.resume:
        raise ValueError("--trust-checkpoint goes with --resume, and says nothing else")
    if args.resume:
        # Its own search: the pointer file may name a checkpoint that does not open.
        newest = checkpoint_to_resume(cfg.work_dir, args.trust_checkpoint)
        if newest is not None:
            cfg.load_from, cfg.resume = newest, True
    check_data(cfg)
    join_ranks(cfg)
    runner = Runner.from_cfg(cfg)
    runner.train()


if __name__ == "__main__":
    run_tool(main)
