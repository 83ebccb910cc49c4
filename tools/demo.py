"""The main job on generated data: head, denoisers, table and picture, in minutes.

Trains a small segmentor on clean images, a denoiser by itself, and then, from that
denoiser, one arm with the reconstruction loss alone and one with the joint loss: the
same iterations on the same images under the same noise. What is finished is reused,
what was interrupted goes on from its newest checkpoint.
"""

import argparse
import os
import time
import warnings
from datetime import timedelta
from pathlib import Path

from mmengine.config import Config
from mmengine.runner import Runner

from mmdenoise.apis.cli import run_tool
from mmdenoise.apis.compare import arms_of, compare
from mmdenoise.datasets.textured_shapes import make_voc_dataset
from mmdenoise.engine.resume import newest_checkpoint

CONFIGS = Path(__file__).resolve().parents[1] / "configs" / "demo"
STEPS = dict(
    head="the head, on clean images",
    denoiser="the denoiser by itself",
    separate="separate: on with L_D alone",
    joint="joint: on with the joint loss",
)
PANEL_IMAGES = (3, 8)


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0, help="of training and noise")
    parser.add_argument("--out-dir", default=os.path.join("work_dirs", "demo"))
    return parser.parse_args()


def demo_config(step: str, folder: Path, data: Path, seed: int) -> Config:
    """Read a step's config and point it at this run's files."""
    cfg = Config.fromfile(CONFIGS / f"{step}.py")
    cfg.work_dir = str(folder / step)
    cfg.experiment_name = f"{folder.name}_{step}"
    cfg.randomness = dict(seed=seed)
    # The progress line tells what a user wants to know.
    cfg.log_level = "ERROR"
    cfg.train_dataloader.dataset.data_root = str(data)
    cfg.test_dataloader.dataset.data_root = str(data)
    if "head" in cfg.model:
        cfg.model.head = str(CONFIGS / "head.py")
        cfg.model.head_checkpoint = final_checkpoint("head", folder)
        cfg.model.denoiser_checkpoint = final_checkpoint("denoiser", folder)
    return cfg


def final_checkpoint(step: str, folder: Path) -> str:
    """Path of the checkpoint that ends a step."""
    iterations = Config.fromfile(CONFIGS / f"{step}.py").train_cfg.max_iters
    return str(folder / step / f"iter_{iterations}.pth")


def train(step: str, folder: Path, data: Path, seed: int) -> None:
    """Train one step, unless an earlier run finished it."""
    title = f"[{list(STEPS).index(step) + 1}/{len(STEPS) + 1}] {STEPS[step]}"
    final = final_checkpoint(step, folder)
    newest = newest_checkpoint(str(folder / step))
    if newest == final:
        print(f"{title}: done before")
        return
    cfg = demo_config(step, folder, data, seed)
    cfg.pop("test_dataloader"), cfg.pop("test_evaluator"), cfg.pop("test_cfg")
    cfg.custom_hooks = [dict(type="mmdenoise.ProgressHook", title=title)]
    cfg.load_from = newest
    cfg.resume = newest is not None
    Runner.from_cfg(cfg).train()


def main() -> None:
    args = parse_args()
    # From the hosts' imports; nothing that a user of the demo could mend.
    warnings.filterwarnings("ignore")
    start = time.monotonic()
    data = make_voc_dataset(os.path.join(args.out_dir, "data"))
    folder = Path(args.out_dir) / f"seed{args.seed}"
    for step in STEPS:
        train(step, folder, Path(data), args.seed)
    print(f"[{len(STEPS) + 1}/{len(STEPS) + 1}] evaluation")
    cfg = demo_config("joint", folder, Path(data), args.seed)
    arms = {step: final_checkpoint(step, folder) for step in ("separate", "joint")}
    text = compare(
        cfg,
        arms_of(arms),
        str(folder / "results"),
        keys=("mIoU", "PSNR", "SSIM"),
        noise_seeds=(args.seed,),
        difference=("joint", "separate"),
        images=PANEL_IMAGES,
    )
    print(f"\n{text}\n")
    print(f"table.md and panel.png are in {folder / 'results'}")
    print(f"{timedelta(seconds=round(time.monotonic() - start))} in all")


if __name__ == "__main__":
    run_tool(main)
