"""Test a cascade, a denoiser by itself, or a bare task network: MMEngine's Runner.

With --heads one denoiser is tested in front of several heads, each on its own test set,
and their metrics are laid out in one table:

mmdenoise test seg_cascade.py denoiser.pth --heads cls_cascade.py
"""

from __future__ import annotations

import argparse
import contextlib
import os.path as osp

from mmdenoise.cli.errors import about
from mmdenoise.cli.options import (
    add_config,
    add_inference_precision,
    add_launcher,
    add_overwrite,
)
from mmdenoise.cli.smoke import add_smoke, shorten

NEEDS = ("test_dataloader", "test_cfg", "test_evaluator")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    add_config(parser)
    parser.add_argument(
        "checkpoint",
        nargs="?",
        metavar="CHECKPOINT",
        help="a cascade's or denoiser's checkpoint, a denoiser file, or a name in the "
        "zoo; for the config of a task network, its own checkpoint; without it the "
        "config's own are tested",
    )
    add_launcher(parser)
    add_smoke(parser)
    parser.add_argument(
        "--heads",
        nargs="+",
        default=[],
        metavar="CONFIG",
        help="more cascades' configs: their heads are tested behind the same denoiser, "
        "whichever head it was trained with; heads.md and heads.csv in the work folder "
        "hold the table",
    )
    parser.add_argument("--out", help="write the predictions to this .pkl file")
    parser.add_argument("--show-dir", help="paint the predictions into this folder")
    parser.add_argument(
        "--tta", action="store_true", help="test-time augmentation (tta_pipeline)"
    )
    add_inference_precision(parser, "float32, unless the config says another")
    add_overwrite(parser, "files of --out and --heads")


def run(args: argparse.Namespace) -> None:
    """Test."""
    from mmengine.dist import is_main_process
    from mmengine.evaluator import DumpResults

    from mmdenoise.apis.denoiser_precision import with_precision
    from mmdenoise.apis.load_cascade import check_cascade
    from mmdenoise.apis.testing import Tester, use_checkpoint
    from mmdenoise.atomic_files import atomic_path
    from mmdenoise.cli.runs import check_data, join_ranks, read_config
    from mmdenoise.cli.work_dirs import claim_work_dir
    from mmdenoise.output_checks import check_writable, refuse_existing
    from mmdenoise.precision import precision_for

    cfg = read_config(args, args.work_dir, NEEDS)
    if args.smoke:
        shorten(cfg)
    if args.heads:
        _run_heads(cfg, args)
        return
    use_checkpoint(cfg, args.checkpoint)
    if "denoiser" in cfg.model or args.precision != "auto":
        check_cascade(cfg)
        cfg = with_precision(cfg, args.precision)
    check_data(cfg, ["test_dataloader"])
    if args.out:
        if not args.out.endswith(".pkl"):
            raise ValueError(f"--out takes a .pkl file, got {args.out!r}")
        refuse_existing([args.out], args.overwrite)
        check_writable(osp.dirname(args.out))
    if args.show_dir:
        if "visualization" not in cfg.default_hooks or "visualizer" not in cfg:
            raise ValueError(
                "--show-dir needs a visualizer and default_hooks.visualization in the "
                "config, as the hosts' default_runtime has them"
            )
        cfg.default_hooks.visualization.draw = True
        cfg.visualizer.save_dir = args.show_dir
    if args.tta:
        if "tta_pipeline" not in cfg or "tta_model" not in cfg:
            raise ValueError("--tta needs 'tta_pipeline' and 'tta_model' in the config")
        cfg.test_dataloader.dataset.pipeline = cfg.tta_pipeline
        cfg.model = dict(cfg.tta_model, module=cfg.model)
    join_ranks(cfg)
    claim_work_dir(cfg)
    runner = Tester.from_cfg(cfg)
    with contextlib.ExitStack() as results, about(args.checkpoint):
        if args.out:
            # The rank that writes it; others have a name that stays unused.
            path = args.out
            if is_main_process():
                path = results.enter_context(atomic_path(args.out))
            runner.test_evaluator.metrics.append(DumpResults(out_file_path=path))
        runner.test()
    cascade = getattr(runner.model, "module", runner.model)
    if hasattr(cascade, "denoiser_precision") and is_main_process():
        ran = precision_for(cascade.denoiser, cascade.denoiser_precision)
        print(f"denoised in {ran}")


def _run_heads(first, args: argparse.Namespace) -> None:
    from mmdenoise.apis.testing import evaluate_heads
    from mmdenoise.cli.runs import check_data, join_ranks, names_of, read_config

    if args.checkpoint is None:
        raise ValueError("--heads needs a CHECKPOINT: the denoiser for all of them")
    if args.out or args.show_dir or args.tta:
        raise ValueError("--heads goes without --out, --show-dir and --tta")
    paths = [args.config, *args.heads]
    configs = [first]
    for path in args.heads:
        one = argparse.Namespace(**dict(vars(args), config=path))
        configs.append(read_config(one, args.work_dir))
    names = names_of(paths)
    for cfg in configs:
        check_data(cfg, ["test_dataloader"])
        join_ranks(cfg)
    named = dict(zip(names, configs))
    out_dir = first.work_dir
    print(
        evaluate_heads(named, args.checkpoint, out_dir, args.overwrite, args.precision)
    )
    print(f"written to {first.work_dir}: heads.md, heads.csv")
