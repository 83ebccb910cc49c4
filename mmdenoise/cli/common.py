"""What the command-line tools share: options, configs, and errors of one line."""

import argparse
import os
import os.path as osp
import re
import sys
from collections.abc import Sequence
from typing import Callable, Optional

import torch
from mmengine.config import Config, DictAction

from mmdenoise.engine.empty_data import explain_empty_data
from mmdenoise.registry import DATASETS
from mmdenoise.weights.mmengine_loading import safe_loading

__all__ = [
    "check_data",
    "command_line",
    "join_ranks",
    "named_values",
    "read_config",
    "run_tool",
]


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


def check_data(
    cfg: Config, loaders: Sequence[str] = ("train_dataloader", "val_dataloader")
) -> None:
    """Ask data sets for their files, before a model is built; training's, by default.

    MMEngine builds the model first: whoever lacks data and checkpoints would make the
    checkpoints, for days perhaps, before hearing of the data.

    Raises:
        FileNotFoundError: From ``check_files`` of those of our data sets that have it.
    """
    for loader in loaders:
        _check_files((cfg.get(loader) or {}).get("dataset"))


def _check_files(dataset: Optional[dict]) -> None:
    if dataset is None:
        return
    for inner in (*dataset.get("datasets", ()), dataset.get("dataset")):
        _check_files(inner)  # of a set that wraps others
    kind = str(dataset.get("type"))
    if kind.startswith("mmdenoise."):
        check = getattr(DATASETS.get(kind), "check_files", None)
        if check is not None:
            check(**{key: value for key, value in dataset.items() if key != "type"})


def join_ranks(cfg: Config) -> None:
    """Let ranks that have no GPU find each other; MMEngine sees to all the others.

    Its launcher and its wrapper both ask for a GPU, whatever the backend is.
    """
    if torch.cuda.is_available():
        return
    if cfg.launcher in ("slurm", "mpi"):
        raise ValueError(
            f"--launcher {cfg.launcher} needs GPUs, and this node has none; "
            "tools/dist_train.sh and dist_test.sh run on CPUs too"
        )
    if cfg.launcher == "pytorch":
        if not torch.distributed.is_initialized():
            torch.distributed.init_process_group("gloo")
        cfg.model_wrapper_cfg = dict(
            type="MMDistributedDataParallel", device_ids=None, broadcast_buffers=False
        )


def named_values(option: str, given: Sequence[str], what: str) -> dict[str, str]:
    """Read an option that is given as ``NAME=VALUE``, any number of times.

    Args:
        option: The option, for the error.
        given: What it was given.
        what: What a value is, in capitals.

    Raises:
        ValueError: If one has another form, or a name comes twice.
    """
    found: dict[str, str] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not (name and equals and value):
            raise ValueError(f"{option} takes NAME={what}, got {text!r}")
        if name in found:
            raise ValueError(f"{option} names {name!r} twice")
        found[name] = value
    return found


def run_tool(main: Callable[[], None]) -> None:
    """Run a tool; a foreseen error becomes one line and exit code 1.

    With ``MMDENOISE_TRACEBACK=1`` the whole traceback is shown.
    """
    try:
        with safe_loading():
            main()
    except (ImportError, OSError, RuntimeError, ValueError, KeyError) as error:
        if os.environ.get("MMDENOISE_TRACEBACK"):
            raise
        message = explain_empty_data(error) or _one_line(error)
        print(f"error: {message}", file=sys.stderr)
        print("(MMDENOISE_TRACEBACK=1 shows where)", file=sys.stderr)
        sys.exit(1)


def _one_line(error: Exception) -> str:
    text = str(error.args[0] if isinstance(error, KeyError) and error.args else error)
    if text.startswith("Caught ") and "Traceback (most recent call last)" in text:
        # From a loader's worker, as a whole traceback: its first line that is not
        # indented names the error.
        last = text.rpartition("Traceback (most recent call last):")[2]
        raised = re.search(r"^\S.*", last, re.MULTILINE | re.DOTALL)
        text = raised[0].partition(": ")[2] or raised[0]
    return " ".join(text.split())
