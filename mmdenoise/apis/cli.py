"""What the command-line tools share: options, configs, and errors of one line."""

import argparse
import os
import os.path as osp
import sys
from typing import Callable

import torch
from mmengine.config import Config, DictAction

__all__ = ["command_line", "read_config", "run_tool"]


def command_line(description: str, **kwargs) -> argparse.ArgumentParser:
    """Return a parser with the hosts' usual options."""
    parser = argparse.ArgumentParser(description=description, **kwargs)
    parser.add_argument("config", help="config file")
    parser.add_argument("--work-dir", help="folder for logs, checkpoints and results")
    parser.add_argument(
        "--cfg-options",
        nargs="+",
        action=DictAction,
        help="settings that override the config's: key=value, "
        'model.noise.sigma=30, key="[a,b]"',
    )
    parser.add_argument(
        "--launcher",
        choices=["none", "pytorch", "slurm", "mpi"],
        default="none",
        help="job launcher",
    )
    # torch.distributed.launch passes it; torchrun sets the variable itself.
    parser.add_argument("--local_rank", "--local-rank", type=int, default=0)
    return parser


def read_config(args: argparse.Namespace) -> Config:
    """Read the config that the command line names, with its overrides.

    Raises:
        FileNotFoundError: If there is no such file.
    """
    if not osp.isfile(args.config):
        raise FileNotFoundError(f"there is no config {args.config!r}")
    os.environ.setdefault("LOCAL_RANK", str(args.local_rank))
    cfg = Config.fromfile(args.config)
    cfg.launcher = args.launcher
    if args.cfg_options is not None:
        cfg.merge_from_dict(args.cfg_options)
    if args.launcher != "none" and not torch.cuda.is_available():
        # NCCL, the configs' choice, needs GPUs.
        cfg.merge_from_dict({"env_cfg.dist_cfg.backend": "gloo"})
    if args.work_dir is not None:
        cfg.work_dir = args.work_dir
    elif cfg.get("work_dir") is None:
        name = osp.splitext(osp.basename(args.config))[0]
        cfg.work_dir = osp.join("work_dirs", name)
    return cfg


def run_tool(main: Callable[[], None]) -> None:
    """Run a tool; a foreseen error becomes one line and exit code 1.

    With ``MMDENOISE_TRACEBACK=1`` the whole traceback is shown.
    """
    # Without it MMEngine falls back to unpickling, that is running, what a file holds.
    os.environ.setdefault("TORCH_FORCE_WEIGHTS_ONLY_LOAD", "1")
    try:
        main()
    except (ImportError, OSError, RuntimeError, ValueError, KeyError) as error:
        if os.environ.get("MMDENOISE_TRACEBACK"):
            raise
        text = error.args[0] if isinstance(error, KeyError) else error
        print(f"error: {' '.join(str(text).split())}", file=sys.stderr)
        print("(MMDENOISE_TRACEBACK=1 shows where)", file=sys.stderr)
        sys.exit(1)
