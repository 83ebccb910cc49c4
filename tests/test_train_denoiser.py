"""Training a denoiser by itself, as the shipped configs do it, from end to end."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner
from PIL import Image

from mmdenoise import precision

ROOT = Path(__file__).parents[1]
SMALL = dict(encoder_channels=8, decoder_channels=8, stem_channels=4)


@pytest.fixture(autouse=True)
def _environment(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("mmengine.runner.runner.collect_env", dict)
    for name in ("LOCAL_RANK", "MMDENOISE_TRACEBACK"):
        # Set and delete: what a tool sets is undone at the test's end.
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


@pytest.fixture
def photos(tmp_path):
    """A folder with two images that are larger than a patch."""
    folder = tmp_path / "photos"
    folder.mkdir()
    random = np.random.default_rng(0)
    for index in range(2):
        pixels = random.integers(0, 256, (50 + index, 60, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{index}.png")
    return folder


@pytest.fixture
def config(photos, tmp_path):
    """Make a shipped config small: its data, runtime and optimiser stay."""
    count = iter(range(100))

    def config(iterations=6, name="multiscale_sigma60"):
        cfg = Config.fromfile(ROOT / "configs" / "denoise" / f"{name}.py")
        cfg.model.denoiser.update(SMALL)
        cfg.train_dataloader.batch_size = 3
        cfg.train_dataloader.dataset.update(data_root=str(photos), device="cpu")
        cfg.val_dataloader.update(num_workers=0, persistent_workers=False)
        cfg.val_dataloader.dataset.data_root = str(photos)
        cfg.test_dataloader = cfg.val_dataloader
        cfg.train_cfg.update(max_iters=iterations, val_interval=2)
        cfg.default_hooks.checkpoint.interval = 2
        cfg.randomness = dict(seed=0)
        cfg.work_dir = str(tmp_path / "work")
        # A second Runner of one name within a second would share its log.
        cfg.experiment_name = f"{tmp_path.name}_{next(count)}"
        return cfg

    return config


class Recorder(Hook):
    """Keeps the patches that were trained on."""

    def __init__(self):
        self.batches = []

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        self.batches.append(data_batch["inputs"].clone())


def train(cfg):
    runner, recorder = Runner.from_cfg(cfg), Recorder()
    runner.register_hook(recorder)
    runner.train()
    return runner, recorder.batches


def same(one, other):
    return len(one) == len(other) and all(map(torch.equal, one, other))


def weights(runner):
    return [value.clone() for value in runner.model.state_dict().values()]


@pytest.mark.parametrize("seed", [0, None])
def test_a_resumed_training_ends_in_the_same_weights(config, tmp_path, seed):
    """Also where the config fixes no seed: each start would draw one of its own."""
    cfg = config()
    cfg.randomness.seed = seed
    whole, batches = train(cfg)
    assert len(batches) == 6 and batches[0].shape == (3, 3, 48, 48)
    cfg = config()
    cfg.randomness.seed = seed
    cfg.merge_from_dict(dict(resume=True, load_from=str(tmp_path / "work/iter_4.pth")))
    resumed, replayed = train(cfg)
    assert same(batches[4:], replayed)
    assert same(weights(whole), weights(resumed))


def test_resumed_under_autocast(config, tmp_path, monkeypatch):
    """Whether the CPU has the instructions or emulates them."""
    monkeypatch.setattr(precision, "_cpu_has_it", lambda: True)
    found = []
    for resume in ({}, dict(resume=True, load_from=str(tmp_path / "work/iter_2.pth"))):
        cfg = config(4)
        cfg.optim_wrapper.type = "mmdenoise.MixedPrecisionOptimWrapper"
        cfg.optim_wrapper.precision = "bfloat16"
        cfg.merge_from_dict(resume)
        runner, _ = train(cfg)
        assert runner.optim_wrapper.precision == "bfloat16"
        found.append(weights(runner))
    assert same(*found)


def test_another_seed_draws_other_patches(config):
    _, batches = train(config(1))
    cfg = config(1)
    cfg.randomness.seed = 1
    assert not torch.equal(train(cfg)[1][0], batches[0])


@pytest.mark.parametrize("name", ["multiscale_blind", "multiscale_sigma25_paper"])
def test_other_configs_train(config, name):
    runner, batches = train(config(2, name))
    assert len(batches) == 2
    assert all(value.isfinite().all() for value in weights(runner))


# Bad input


@pytest.fixture
def tool(config, tmp_path, command):
    """Run mmdenoise train with options; return its code and what it wrote."""

    def run(*options):
        path = tmp_path / "small.py"
        config(2).dump(str(path))
        return command("train", path, "--cfg-options", *options)

    return run


DATA = "train_dataloader.dataset"


@pytest.mark.parametrize(
    "option, words",
    [
        ("model.noise.sigma=-1", "sigma must not be negative, got -1"),
        ("model.noise.sigma=a", "sigma must be a finite number or a pair .* got 'a'"),
        ("model.noise.sigma=(65,5)", "low <= high, got .65, 5."),
        ("model.noise.type=mmdenoise.Gausian", "mmdenoise.Gausian is not in"),
        ("train_dataloader.batch_size=0", "batch_size .*positive.* got batch_size=0"),
        (f"{DATA}.data_root=gone", "there is no image folder 'gone'; download BSDS500"),
        (f"{DATA}.size=0", "patch size must be .* 1 or more, got 0"),
        (f"{DATA}.size=a", "patch size must be .* 1 or more, got 'a'"),
        (f"{DATA}.size=51", "0.png' is 50x60, too small for a patch of 51x51"),
        (f"{DATA}.device=abacus", "device 'abacus'"),
        ("train_dataloader.sampler.type=InfiniteSampler", "DrawSampler"),
    ],
)
def test_a_bad_setting_is_one_line(tool, option, words):
    error = tool(option).error
    assert re.search(words, error), error


def test_a_folder_without_images_is_one_line(tool, tmp_path):
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "notes.txt").write_text("no image")
    error = tool(f"{DATA}.data_root={tmp_path / 'texts'}").error
    assert "no image (.png, .jpg" in error and "download BSDS500" in error


def test_a_text_beside_the_images_is_passed_over(tool, photos):
    (photos / "notes.txt").write_text("no image")
    assert tool("model.noise.sigma=25").code == 0


@pytest.mark.parametrize(
    "kind, words",
    [
        ("clear", "bad.png' has transparent pixels"),
        ("text", "cannot read the image"),
        ("small", "bad.png' is 30x60, too small for a patch of 48x48"),
    ],
)
def test_a_bad_image_is_named_before_training(tool, photos, tmp_path, kind, words):
    path = photos / "bad.png"
    if kind == "text":
        path.write_text("no image")
    else:
        Image.new("RGBA" if kind == "clear" else "RGB", (60, 30)).save(path)
    assert words in tool("model.noise.sigma=25").error
    assert not list((tmp_path / "work").glob("iter_*.pth"))
