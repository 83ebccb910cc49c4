"""Train a cascade, or a denoiser by itself: MMEngine's Runner on a config."""

from __future__ import annotations

import argparse

from mmdenoise.cli.errors import about
from mmdenoise.cli.options import add_config, add_launcher, add_precision
from mmdenoise.cli.smoke import add_smoke, shorten

NEEDS = ("train_dataloader", "train_cfg", "optim_wrapper")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    add_config(parser)
    add_launcher(parser)
    add_smoke(parser)
    add_precision(parser)
    parser.add_argument(
        "--resume",
        action="store_true",
        help="go on from the newest checkpoint in the work folder",
    )
    parser.add_argument(
        "--trust-checkpoint",
        action="store_true",
        help="with --resume: the checkpoints in the work folder are your own; one that "
        "holds objects beside data is opened all the same, which runs what it says. "
        "Needed for schedulers that keep functions (OneCycleLR), and no other file is "
        "opened so",
    )


def run(args: argparse.Namespace) -> None:
    """Train."""
    from mmengine.runner import Runner

    from mmdenoise.cli.numbers import check_numbers
    from mmdenoise.cli.runs import check_data, join_ranks, read_config
    from mmdenoise.cli.work_dirs import claim_work_dir
    from mmdenoise.weights.resume import checkpoint_to_resume, say_what_is_there

    cfg = read_config(args, args.work_dir, NEEDS)
    check_numbers(cfg)
    if args.smoke:
        shorten(cfg)
    _set_precision(cfg, args.precision)
    if cfg.get("compile"):
        raise ValueError(
            "'compile' would trace the head, whose pass is listened to and stopped "
            "early: take it out of the config and set model.compile_denoiser=True"
        )
    if args.trust_checkpoint and not args.resume:
        raise ValueError("--trust-checkpoint goes with --resume, and says nothing else")
    if args.resume:
        # Its own search: the pointer file may name a checkpoint that does not open.
        newest = checkpoint_to_resume(cfg.work_dir, args.trust_checkpoint, cfg.model)
        if newest is not None:
            cfg.load_from, cfg.resume = newest, True
    else:
        say_what_is_there(cfg.work_dir)
    check_data(cfg)
    join_ranks(cfg)
    claim_work_dir(cfg)
    with about(cfg.get("load_from")):
        Runner.from_cfg(cfg).train()


def _set_precision(cfg, precision: str | None) -> None:
    """Put a precision into a config; None leaves the config's.

    Raises:
        ValueError: If it needs a GPU, and there is none.
    """
    from mmengine.device import is_cuda_available

    wrapper = cfg.optim_wrapper
    if precision is None:
        if wrapper.get("type") == "AmpOptimWrapper" and not is_cuda_available():
            raise ValueError(
                "the config trains in mixed precision (AmpOptimWrapper), which needs a "
                "GPU, and there is none: choose another, or say --precision auto"
            )
        return
    for option in ("dtype", "loss_scale", "precision"):
        wrapper.pop(option, None)
    if precision != "float16":
        wrapper.type = "mmdenoise.MixedPrecisionOptimWrapper"
        wrapper.precision = precision
    elif not is_cuda_available():
        raise ValueError(
            "--precision float16 needs a GPU, and there is none: say auto or bfloat16"
        )
    else:
        # float16 underflows without; bfloat16 has the range of float32.
        wrapper.update(type="AmpOptimWrapper", dtype=precision, loss_scale="dynamic")
