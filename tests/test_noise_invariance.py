"""Promise 4 on files: an image's evaluation noise is its own, however it is tested."""

import itertools
import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner

from mmdenoise.datasets.textured_shapes import make_voc_dataset
from mmdenoise.registry import MODELS

pytestmark = [
    pytest.mark.filterwarnings("ignore:Default ``avg_non_ignore``:UserWarning"),
    pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning"),
]

ROOT = Path(__file__).parents[1]
IMAGES = 5

# A metric, since metrics get what the loop predicted, from every rank.
METRIC = """
import hashlib, json, os
from mmengine.evaluator import BaseMetric
from mmdenoise.registry import METRICS

@METRICS.register_module()
class NoisyDigests(BaseMetric):
    def __init__(self, path):
        super().__init__(collect_device="cpu")
        self.path = path

    def process(self, data_batch, data_samples):
        for sample in data_samples:
            noisy = sample["noisy"].cpu().contiguous().numpy()
            digest = hashlib.sha256(noisy.tobytes()).hexdigest()
            name = os.path.basename(sample["img_path"])
            self.results.append((name, [str(noisy.dtype), noisy.shape, digest]))

    def compute_metrics(self, results):
        with open(self.path, "w") as file:
            json.dump(dict(results), file)
        return dict(images=len(results))
"""

CONFIG = """
_base_ = [
    "{root}/configs/_base_/default_runtime.py",
    "{root}/configs/_base_/datasets/textured_shapes.py",
]
custom_imports = dict(imports=["mmdenoise", "noisy_digests"])
model = dict(
    type="mmdenoise.CascadeSegmentor",
    denoiser=dict(
        type="mmdenoise.MultiScaleDenoiser",
        encoder_channels=8,
        decoder_channels=8,
        stem_channels=4,
    ),
    head="{head}",
    head_checkpoint="{head_checkpoint}",
    noise=dict(type="mmdenoise.{noise}", **{levels}),
    loss=dict(type="mmdenoise.JointLoss", perceptual=0),
)
train_dataloader = None
test_dataloader = dict(batch_size=1, dataset=dict(data_root="{data}"))
test_evaluator = [dict(type="mmdenoise.NoisyDigests", path="digests.json")]
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory, seg_config, save_head):
    """A set, a metric's module, and a config for each kind of noise."""
    folder = tmp_path_factory.mktemp("invariance")
    data = make_voc_dataset(folder / "data", train=1, val=IMAGES, size=40)
    model = seg_config()
    for part in ("decode_head", "auxiliary_head"):
        model[part]["num_classes"] = 6
    head, head_checkpoint = save_head(folder / "head", model)
    (folder / "noisy_digests.py").write_text(METRIC)
    for noise, levels in (
        ("GaussianNoise", dict(sigma=(10, 60))),
        ("PoissonGaussianNoise", dict(peak=30, sigma=5)),
    ):
        (folder / f"{noise}.py").write_text(
            CONFIG.format(
                root=ROOT,
                head=head,
                head_checkpoint=head_checkpoint,
                noise=noise,
                levels=levels,
                data=data,
            )
        )
    return SimpleNamespace(folder=folder, data=data)


@pytest.fixture
def digests(world, tmp_path, monkeypatch):
    """Test in this process; return each image's noisy version, as a digest."""
    monkeypatch.syspath_prepend(str(world.folder))
    monkeypatch.chdir(tmp_path)
    count = itertools.count()

    def run(noise="GaussianNoise", **options):
        cfg = Config.fromfile(world.folder / f"{noise}.py")
        cfg.work_dir = str(tmp_path / "work")
        cfg.experiment_name = f"{tmp_path.name}_{next(count)}"
        cfg.merge_from_dict(options)
        assert Runner.from_cfg(cfg).test() == dict(images=IMAGES)
        return read(tmp_path)

    return run


def read(folder):
    found = json.loads((folder / "digests.json").read_text())
    assert sorted(found) == [f"val_{index:05d}.png" for index in range(IMAGES)]
    # Images of a set differ, and so must what became of them.
    assert len({digest for *_, digest in found.values()}) == IMAGES
    assert all(shape == [3, 40, 40] for _, shape, _ in found.values())
    return found


@pytest.mark.parametrize("noise", ["GaussianNoise", "PoissonGaussianNoise"])
def test_neither_workers_nor_batch_change_the_noise(digests, noise):
    reference = digests(noise)
    assert digests(noise) == reference
    for workers, batch in ((4, 1), (0, 4), (4, 4)):
        options = {
            "test_dataloader.num_workers": workers,
            "test_dataloader.batch_size": batch,
        }
        assert digests(noise, **options) == reference, (workers, batch)


def test_neither_folder_nor_order_change_the_noise(digests, world, tmp_path):
    reference = digests()
    moved = tmp_path / "elsewhere" / "under another name"
    shutil.copytree(world.data, moved)
    names = (moved / "ImageSets" / "Segmentation" / "val.txt").read_text().split()
    (moved / "ImageSets" / "Segmentation" / "val.txt").write_text(
        "\n".join(names[::-1]) + "\n"
    )
    assert digests(**{"test_dataloader.dataset.data_root": str(moved)}) == reference


def test_the_training_seed_does_not_change_the_noise_and_its_own_does(digests):
    reference = digests()
    assert digests(**{"randomness.seed": 5}) == reference
    other = digests(**{"model.noise.seed": 1})
    assert all(other[name] != reference[name] for name in reference)


@pytest.mark.slow
def test_the_number_of_ranks_does_not_change_the_noise(digests, world, tmp_path):
    """Five images on two ranks: one of them sees a sixth, which does not count."""
    reference = digests()
    config, weights = world.folder / "GaussianNoise.py", tmp_path / "weights.pth"
    model = MODELS.build(Config.fromfile(config).model)
    torch.save(dict(state_dict=model.state_dict(), meta={}), weights)
    (tmp_path / "digests.json").unlink()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    run = subprocess.run(
        ["bash", ROOT / "tools" / "dist_test.sh", config, weights, "2"],
        cwd=tmp_path,
        env=dict(
            os.environ,
            PYTHON=sys.executable,
            PYTHONPATH=str(world.folder),
            PORT=port,
            OMP_NUM_THREADS="1",
        ),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0, run.stderr
    assert read(tmp_path) == reference
