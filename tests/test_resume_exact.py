"""A training that is killed, and resumed, ends where an uninterrupted one does."""

import os
import random
import re
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from PIL import Image

from mmdenoise.datasets.textured_shapes import make_voc_dataset

ROOT = Path(__file__).parents[1]
SIZE = 48
ITERATIONS = 12
# PyTorch before 2.6 asks for the second.
RESUME = ["--resume", "--trust-checkpoint"]
# It draws from every generator, so that a state that is lost shows.
DENOISER = """
import random
import time

import numpy as np
from mmdenoise.models.denoisers import MultiScaleDenoiser
from mmdenoise.registry import MODELS
from torch import nn


@MODELS.register_module()
class RestlessDenoiser(MultiScaleDenoiser):
    def forward(self, noisy):
        if self.training:
            time.sleep(0.05)  # a fast machine would be through before it is killed
            noisy = nn.functional.dropout(noisy, 0.1)
            noisy = noisy * random.uniform(0.9, 1.1) + np.random.uniform(-0.1, 0.1)
        return super().forward(noisy)
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory, seg_config, save_head):
    """A set, a head, and the config of a cascade with EMA and validation."""
    folder = tmp_path_factory.mktemp("resume")
    (folder / "restless.py").write_text(DENOISER)
    data = str(make_voc_dataset(folder / "data", train=7, val=2, size=SIZE))
    cfg = Config(dict())
    for base in ("default_runtime.py", "datasets/textured_shapes.py"):
        base = str(ROOT / "configs" / "_base_" / base)
        cfg.merge_from_dict(Config.fromfile(base).to_dict())
    model = seg_config(
        dict(mean=[120, 110, 100], std=[60, 61, 62], bgr_to_rgb=True, size=(SIZE, SIZE))
    )
    for part in ("decode_head", "auxiliary_head"):
        model[part]["num_classes"] = 6
        model[part]["loss_decode"]["avg_non_ignore"] = True
    head, head_checkpoint = save_head(folder / "head", model)
    for part in ("train_dataloader", "test_dataloader"):
        cfg[part].batch_size = 2
        cfg[part].dataset.data_root = data
    # So that validation would move NumPy's generator.
    cfg.test_dataloader.dataset.pipeline.insert(2, dict(type="RandomFlip", prob=0.5))
    cfg.merge_from_dict(
        dict(
            custom_imports=dict(imports=["mmdenoise", "restless"]),
            model=dict(
                type="mmdenoise.CascadeSegmentor",
                denoiser=dict(
                    type="mmdenoise.RestlessDenoiser",
                    encoder_channels=8,
                    decoder_channels=8,
                    stem_channels=4,
                ),
                head=head,
                head_checkpoint=head_checkpoint,
                tap="backbone.layer2",
                noise=dict(type="mmdenoise.GaussianNoise", sigma=(0, 60)),
                loss=dict(type="mmdenoise.JointLoss", perceptual=0.01, task=0.01),
            ),
            optim_wrapper=dict(
                type="OptimWrapper",
                optimizer=dict(type="Adam", lr=1e-3),
                paramwise_cfg=dict(custom_keys={"denoiser.output": dict(lr_mult=0.5)}),
            ),
            param_scheduler=[
                dict(type="LinearLR", start_factor=0.1, by_epoch=False, end=5),
                dict(type="CosineAnnealingLR", T_max=7, by_epoch=False, begin=5),
            ],
            train_cfg=dict(
                type="IterBasedTrainLoop", max_iters=ITERATIONS, val_interval=3
            ),
            val_dataloader=cfg.test_dataloader,
            val_cfg=dict(type="ValLoop"),
            val_evaluator=cfg.test_evaluator,
            custom_hooks=[dict(type="EMAHook", momentum=0.1)],
            randomness=dict(seed=5),
            default_hooks=dict(
                checkpoint=dict(interval=2, max_keep_ckpts=2), logger=dict(interval=1)
            ),
        )
    )
    cfg.dump(str(folder / "cascade.py"))
    return SimpleNamespace(
        folder=folder, data=Path(data), config=str(folder / "cascade.py")
    )


def start(command, world, cwd, **environment):
    path = os.pathsep.join([str(world.folder), str(ROOT)])
    environment.update(PYTHONPATH=path, OMP_NUM_THREADS="1", PYTHON=sys.executable)
    return subprocess.Popen(
        [str(part) for part in command],
        cwd=cwd,
        env=dict(os.environ, **environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def train(world, cwd, work, *options, kill_after=None, delay=0.0, tool=None):
    """Run ``tools/train.py``; kill it soon after it has reported so many iterations.

    Returns:
        Iterations reported, and all that was written.
    """
    tool = tool or [ROOT / "tools" / "train.py"]
    command = [sys.executable, *tool, world.config, "--work-dir", work, *options]
    with start(command, world, cwd) as process:
        seen, text = [], []
        for line in process.stdout:
            text.append(line)
            found = re.search(r"Iter\(train\) \[ *(\d+)/\d+\]", line)
            if found:
                seen.append(int(found[1]))
                if len(seen) == kill_after:
                    time.sleep(delay)
                    process.kill()
                    break
        process.stdout.read()
        code = process.wait()
    text = "".join(text)
    # It may have ended before it was killed.
    assert code == 0 if kill_after is None else code in (0, -9), text
    return seen, text


PARTS = (
    "state_dict",
    "ema_state_dict",
    "optimizer",
    "param_schedulers",
    "random_state",
)


def contents(path):
    """What a checkpoint holds of the training, leaf by leaf."""

    def leaves(value, where):
        if isinstance(value, dict):
            for key, inner in value.items():
                yield from leaves(inner, f"{where}.{key}")
        elif isinstance(value, (list, tuple)):
            for index, inner in enumerate(value):
                yield from leaves(inner, f"{where}.{index}")
        else:
            yield where, value

    saved = torch.load(path, weights_only=False)
    return dict(leaf for part in PARTS for leaf in leaves(saved[part], part))


def differences(one, other):
    assert set(one) == set(other) and len(one) > 100
    return [
        key
        for key, value in one.items()
        if not (
            torch.equal(value, other[key])
            if isinstance(value, torch.Tensor)
            else value == other[key]
        )
    ]


@pytest.mark.slow
def test_killed_again_and_again(world, tmp_path):
    whole, _ = train(world, tmp_path, "whole")
    assert whole == list(range(1, ITERATIONS + 1))
    expected = contents(tmp_path / "whole" / f"iter_{ITERATIONS}.pth")
    weight = "denoiser.stem.weight"
    average = expected[f"ema_state_dict.module.{weight}"]
    assert not torch.equal(expected[f"state_dict.{weight}"], average)

    rng = random.Random(0)
    begun = []
    for _ in range(3):
        seen, _ = train(
            *(world, tmp_path, "killed", *RESUME),
            kill_after=rng.randint(2, 4),
            delay=rng.uniform(0, 0.1),
        )
        begun.append(seen[0])
    seen, text = train(world, tmp_path, "killed", *RESUME)
    begun.append(seen[0])
    assert begun[0] == 1 < begun[3] and begun == sorted(begun), begun
    assert all((first - 1) % 2 == 0 for first in begun), "from a checkpoint"
    assert "random states" not in text, "each process finds its own"
    assert "Iter(val)" in text

    found = contents(tmp_path / "killed" / f"iter_{ITERATIONS}.pth")
    assert differences(expected, found) == []
    # Of what the killed ones were writing, nothing is left.
    kept = {name for name in os.listdir(tmp_path / "killed") if ".pth" in name}
    assert kept == {"iter_10.pth", "iter_12.pth"}


@pytest.mark.slow
def test_ten_kills_and_a_label_that_changes(world, tmp_path):
    """Ten kills end as no kill does; between them other labels are refused by name."""
    iterations, kills = 48, 10
    tool = ["-m", "mmdenoise", "train"]
    options = ["--cfg-options", f"train_cfg.max_iters={iterations}"]
    options += ["train_cfg.val_interval=24"]
    train(world, tmp_path, "whole", *options, tool=tool)

    label = next(world.data.glob("SegmentationClass/train_*"))
    before = label.read_bytes()
    rng = random.Random(0)
    begun = []
    for number in range(kills):
        if number == kills // 2:
            with Image.open(label) as image:
                turned = image.transpose(Image.Transpose.ROTATE_180)
            turned.save(label)
            command = [sys.executable, *tool, world.config, "--work-dir", "killed"]
            with start([*command, *RESUME, *options], world, tmp_path) as process:
                text = process.communicate()[0]
            assert process.returncode == 1
            assert "error: --resume: the training data changed" in text
            assert "Iter(train)" not in text
            label.write_bytes(before)
        seen, text = train(
            *(world, tmp_path, "killed", *RESUME, *options),
            kill_after=rng.randint(2, 3),
            tool=tool,
        )
        begun.append(seen[0])
    assert begun == sorted(begun) and begun[0] == 1 < begun[-1], begun
    seen, _ = train(world, tmp_path, "killed", *RESUME, *options, tool=tool)
    assert begun[-1] <= seen[0] and seen[-1] == iterations
    last = f"iter_{iterations}.pth"
    expected, found = (contents(tmp_path / name / last) for name in ("whole", "killed"))
    assert differences(expected, found) == []


@pytest.mark.slow
@pytest.mark.skipif(torch.cuda.is_available(), reason="ranks would share its GPUs")
def test_two_processes_go_on_each_from_its_own_state(world, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    def train_both(work, *options):
        tool = ROOT / "tools" / "dist_train.sh"
        command = ["bash", tool, world.config, 2, "--work-dir", work, *options]
        settings = [
            "randomness.diff_rank_seed=True",
            "train_cfg.max_iters=6",
            "default_hooks.checkpoint.max_keep_ckpts=3",
        ]
        command += ["--cfg-options", *settings]
        with start(command, world, tmp_path, PORT=str(port)) as process:
            text = process.communicate()[0]
        assert process.returncode == 0, text
        return text

    train_both("whole")
    expected = contents(tmp_path / "whole" / "iter_6.pth")
    (tmp_path / "part").mkdir()
    shutil.copy(tmp_path / "whole" / "iter_2.pth", tmp_path / "part")
    text = train_both("part", *RESUME)
    assert "iter: 2" in text and "random states" not in text
    assert differences(expected, contents(tmp_path / "part" / "iter_6.pth")) == []

    key = "random_state.ranks.{}.python"
    assert not torch.equal(expected[key.format(0)], expected[key.format(1)])
    assert key.format(2) not in expected
