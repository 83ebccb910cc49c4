"""What commands on a config share: reading it, its data, its ranks."""

from __future__ import annotations

import argparse
import atexit
import gc
import importlib
import os
from collections.abc import Sequence

import torch
from mmengine.config import Config, ConfigDict

from mmdenoise.cli.overrides import override
from mmdenoise.cli.work_dirs import default_work_dir
from mmdenoise.config_files import open_config
from mmdenoise.hosts import TASK_HOSTS, has_host
from mmdenoise.registry import DATASETS

__all__ = ["check_data", "join_ranks", "names_of", "read_config"]


# The shipped configs have them; a config of one's own need not.
HOOKS = dict(
    dataset_classes="DatasetClassesHook",
    training_data="TrainingDataHook",
    resumed_options="ResumedOptionsHook",
)


def read_config(
    args: argparse.Namespace, work_dir: str | None = None, needs: Sequence[str] = ()
) -> Config:
    """Read the config that the command line names, with its overrides.

    Args:
        args: With ``config``, ``cfg_options`` and, for what may be one rank of several,
            ``launcher`` and ``local_rank``.
        work_dir: The folder asked for; else the config's, else ``work_dirs/NAME``.
        needs: Dotted keys without which the command can not work; ``model.denoiser``
            is what makes a config a cascade's.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it lacks something, or an override has no effect.
    """
    cfg = open_config(args.config)
    cfg.launcher = getattr(args, "launcher", "none")
    os.environ.setdefault("LOCAL_RANK", str(getattr(args, "local_rank", 0)))
    if args.cfg_options is not None:
        override(cfg, args.cfg_options)
    _check_needs(cfg, args.config, needs)
    if cfg.get("default_scope") is None:
        cfg.default_scope = _scope_of_data(cfg)
    _check_scope(cfg.default_scope)
    hooks = cfg.setdefault("default_hooks", ConfigDict())
    for name, kind in HOOKS.items():
        hooks.setdefault(name, ConfigDict(type=f"mmdenoise.{kind}"))
    if cfg.launcher != "none" and not torch.cuda.is_available():
        # NCCL, the configs' choice, needs GPUs.
        cfg.merge_from_dict({"env_cfg.dist_cfg.backend": "gloo"})
    if work_dir is not None:
        cfg.work_dir = work_dir
    elif cfg.get("work_dir") is None:
        cfg.work_dir = default_work_dir(cfg.filename)
    return cfg


def names_of(configs: Sequence[str]) -> list[str]:
    """Name heads by their configs' files; two of one name by their paths.

    Raises:
        ValueError: If a config is given twice.
    """
    stems = [os.path.splitext(os.path.basename(path))[0] for path in configs]
    whole = [os.path.splitext(path)[0].replace(os.sep, "_") for path in configs]
    names = [
        stem if stems.count(stem) == 1 else path for stem, path in zip(stems, whole)
    ]
    if len(set(names)) < len(names):
        raise ValueError(f"a config is given twice: {', '.join(configs)}")
    return names


def _scope_of_data(cfg: Config) -> str:
    """The host whose data set a config has: its metrics and steps are that host's."""
    loaders = (cfg.get(f"{part}_dataloader") for part in ("test", "val", "train"))
    kinds = {(one.get("dataset") or {}).get("type") for one in loaders if one}
    for host in filter(has_host, TASK_HOSTS):
        registry = importlib.import_module(f"{host}.registry").DATASETS
        if any(str(kind) in registry.module_dict for kind in kinds):
            return host
    return "mmengine"


def _check_scope(scope: object) -> None:
    """Refuse the scope of no package: names would be looked for elsewhere."""
    known = scope in DATASETS.parent.children  # a package of the user's own
    if not known and importlib.util.find_spec(str(scope)) is None:
        raise ValueError(
            f"default_scope={scope!r} is no installed package: name the host of the "
            f"data set, {', '.join(TASK_HOSTS)} or mmengine"
        )


def _check_needs(cfg: Config, path: str, needs: Sequence[str]) -> None:
    model = cfg.get("model")
    if not isinstance(model, dict) or "type" not in model:
        raise ValueError(
            f"the config {path!r} holds no model: model=dict(type=..., ...) is missing"
        )
    for need in needs:
        top, _, key = need.partition(".")
        found = cfg.get(top)
        if found is None or (key and found.get(key) is None):
            text = f"the config {path!r} has no {need!r}, which this command needs"
            if need == "model.denoiser":
                text = f"the config {path!r} is no cascade's: it has no {need!r}"
            raise ValueError(text)


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


def _check_files(dataset: dict | None) -> None:
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
    # A thread of a group may still hold a tensor of the last collective, and takes
    # Python's lock to free it. If Python has ended by then, the process aborts: exit
    # code -6 after a test whose metrics were right.
    atexit.register(_leave_ranks)
    if torch.cuda.is_available():
        return
    if cfg.launcher in ("slurm", "mpi"):
        raise ValueError(
            f"--launcher {cfg.launcher} needs GPUs, and this node has none; "
            "--launcher pytorch under torchrun runs on CPUs too"
        )
    if cfg.launcher == "pytorch":
        if not torch.distributed.is_initialized():
            torch.distributed.init_process_group("gloo")
        cfg.model_wrapper_cfg = dict(
            type="MMDistributedDataParallel", device_ids=None, broadcast_buffers=False
        )


def _leave_ranks() -> None:
    if torch.distributed.is_initialized():
        # The wrapped model holds the group, the runner holds the model, in cycles; its
        # threads are joined when nobody holds it.
        gc.collect()
        torch.distributed.destroy_process_group()
