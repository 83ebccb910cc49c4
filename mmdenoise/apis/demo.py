"""The main job on generated data, step by step: ``mmdenoise demo``."""

from __future__ import annotations

import time
import warnings
from datetime import timedelta
from pathlib import Path

from mmengine.config import Config
from mmengine.runner import Runner

from mmdenoise.apis.compare import compare
from mmdenoise.datasets.textured_classes import make_class_dataset
from mmdenoise.datasets.textured_shapes import make_voc_dataset
from mmdenoise.shipped_configs import configs_folder
from mmdenoise.weights.resume import newest_checkpoint

__all__ = ["demo_cascade", "demo_images", "run_demo"]

STEPS = dict(
    head="the segmentor, on clean images",
    denoiser="the denoiser by itself",
    separate="separate: on with L_D alone",
    joint="joint: on with the segmentor's joint loss",
    classifier="the classifier, on clean images",
    classify_separate="separate: on with L_D alone, on the classifier's images",
    classify_joint="joint: on with the classifier's joint loss",
)
# Each joint denoiser beside the separate one of its own images, so that the loss alone
# tells them apart: at the network that it was trained with, and at the other one.
OTHERS = "separate, other's images"
TASKS = dict(
    segmentation=dict(
        config="joint",
        keys=("mIoU", "PSNR", "SSIM"),
        arms={
            "separate": "separate",
            "joint": "joint",
            OTHERS: "classify_separate",
            "cross-task": "classify_joint",
        },
        images=(3, 8),
    ),
    classification=dict(
        config="classify_joint",
        keys=("accuracy/top1", "PSNR", "SSIM"),
        arms={
            "separate": "classify_separate",
            "joint": "classify_joint",
            OTHERS: "separate",
            "cross-task": "joint",
        },
        images=(),
    ),
)
DIFFERENCES = (("joint", "separate"), ("cross-task", OTHERS))


def _demo_config(step: str, folder: Path, seed: int) -> Config:
    """Read a step's config and point it at this run's files."""
    cfg = _read(step)
    cfg.work_dir = str(folder / step)
    cfg.experiment_name = f"{folder.name}_{step}"
    cfg.randomness = dict(seed=seed)
    # The progress line tells what a user wants to know.
    cfg.log_level = "ERROR"
    data = folder.parent / Path(cfg.data_root).name
    cfg.train_dataloader.dataset.data_root = str(data)
    cfg.test_dataloader.dataset.data_root = str(data)
    if "denoiser_checkpoint" in cfg.model:
        head = Path(cfg.model.head)
        cfg.model.head = str(configs_folder().parent / head)
        cfg.model.head_checkpoint = _final_checkpoint(head.stem, folder)
        cfg.model.denoiser_checkpoint = _final_checkpoint("denoiser", folder)
    return cfg


def _read(step: str) -> Config:
    """Read a step's config as it is shipped."""
    return Config.fromfile(configs_folder() / "demo" / f"{step}.py")


def _final_checkpoint(step: str, folder: Path) -> str:
    """Path of the checkpoint that ends a step."""
    return str(folder / step / f"iter_{_read(step).train_cfg.max_iters}.pth")


def _train(step: str, folder: Path, seed: int) -> None:
    """Train one step, unless an earlier run finished it."""
    title = f"[{list(STEPS).index(step) + 1}/{len(STEPS) + 1}] {STEPS[step]}"
    final = _final_checkpoint(step, folder)
    newest = newest_checkpoint(str(folder / step))
    if newest == final:
        print(f"{title}: done before")
        return
    cfg = _demo_config(step, folder, seed)
    cfg.pop("test_dataloader"), cfg.pop("test_evaluator"), cfg.pop("test_cfg")
    cfg.custom_hooks = [dict(type="mmdenoise.ProgressHook", title=title)]
    cfg.load_from = newest
    cfg.resume = newest is not None
    Runner.from_cfg(cfg).train()


def _evaluate(task: str, folder: Path, seed: int) -> str:
    """Compare the denoisers in front of one network."""
    config, keys, arms, images = TASKS[task].values()
    checkpoints = {name: _final_checkpoint(step, folder) for name, step in arms.items()}
    return compare(
        _demo_config(config, folder, seed),
        checkpoints,
        str(folder / "results" / task),
        keys=keys,
        noise_seeds=(seed,),
        differences=DIFFERENCES,
        images=images,
        overwrite=True,
    )


def demo_cascade(out_dir: str, seed: int = 0) -> tuple[Config, dict[str, str]]:
    """Make, where it is not there yet, what the segmentation half of the demo trains.

    Args:
        out_dir: As of :func:`run_demo`.
        seed: Likewise.

    Returns:
        The joint cascade's config, and the files of its separate and joint denoisers.
    """
    warnings.filterwarnings("ignore")
    folder = Path(out_dir) / f"seed{seed}"
    make_voc_dataset(folder.parent / "data")
    for step in ("head", "denoiser", "separate", "joint"):
        _train(step, folder, seed)
    files = {name: _final_checkpoint(name, folder) for name in ("separate", "joint")}
    return _demo_config("joint", folder, seed), files


def demo_images(out_dir: str, count: int = 6) -> list[str]:
    """Paths of some of the generated test images."""
    folder = Path(out_dir) / "data" / "JPEGImages"
    return [str(path) for path in sorted(folder.glob("val_*.png"))[:count]]


def run_demo(out_dir: str, seed: int = 0) -> None:
    """Make the data, train every step, compare, and print the tables.

    Args:
        out_dir: Folder for data, checkpoints and results; what is finished is reused.
        seed: Of training and noise.
    """
    # From the hosts' imports; nothing that a user of the demo could mend.
    warnings.filterwarnings("ignore")
    start = time.monotonic()
    folder = Path(out_dir) / f"seed{seed}"
    make_voc_dataset(folder.parent / "data")
    make_class_dataset(folder.parent / "classes")
    for step in STEPS:
        _train(step, folder, seed)
    print(f"[{len(STEPS) + 1}/{len(STEPS) + 1}] evaluation")
    texts = {task: _evaluate(task, folder, seed) for task in TASKS}
    for task, text in texts.items():
        print(f"\n{task.capitalize()}\n\n{text}")
    print(f"\nthe tables and panel.png are in {folder / 'results'}")
    print(f"{timedelta(seconds=round(time.monotonic() - start))} in all")
