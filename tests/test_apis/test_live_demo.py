"""What the live page shows: the same as the library makes, one picture at a time."""

import re

import numpy as np
import pytest
import torch
from PIL import Image

from mmdenoise.apis import denoise, load_denoiser
from mmdenoise.apis.live_demo import LONGEST, LiveDemo, cascade_sources
from mmdenoise.models import Denoiser
from mmdenoise.registry import MODELS


@MODELS.register_module(force=True)
class ToldLevel(Denoiser):
    """Keeps the levels that it is told."""

    takes_sigma = True

    def __init__(self):
        super().__init__()
        self.told = []

    def estimate(self, noisy, level):
        self.told.append(level.item())
        return noisy


SOURCES = dict(separate="multiscale_sigma60", joint="multiscale_sigma30")


@pytest.fixture
def live(world):
    return LiveDemo(world.config(), SOURCES)


@pytest.fixture
def photo(tmp_path):
    def write(height=64, width=80, sigma=0):
        y, x = np.mgrid[:height, :width]
        grey = 128 + 60 * np.sin(x / 40) + 30 * np.cos(y / 30)
        noise = np.random.default_rng(0).normal(0, 1, (height, width, 3)) * sigma
        pixels = (grey[..., None] + noise).clip(0, 255).round().astype(np.uint8)
        path = tmp_path / f"{height}_{width}_{sigma}.png"
        Image.fromarray(pixels).save(path)
        return str(path), pixels

    return write


def test_noisy_already_is_taken_as_it_is(live, photo):
    path, pixels = photo(sigma=20)
    found = live.run(path, None)
    assert list(found.pictures) == ["noisy", "separate", "joint"]
    assert np.array_equal(found.pictures["noisy"], pixels)
    expected = denoise(load_denoiser(SOURCES["joint"]), pixels)
    difference = np.abs(found.pictures["joint"].astype(int) - expected)
    assert difference.max() <= 1
    assert set(found.views) == set(found.pictures)
    assert all(view.ndim == 3 and view.min() < 50 for view in found.views.values())


def test_added_noise_has_the_level_and_is_measured(live, photo):
    path, pixels = photo(256, 256)
    found = live.run(path, 25)
    assert list(found.pictures) == ["clean", "noisy", "separate", "joint"]
    assert np.array_equal(found.pictures["clean"], pixels)
    assert "(25 was added)" in found.text and "joint" in found.text
    measured = float(re.search(r"\*\*([\d.]+)\*\*", found.text)[1])
    assert measured == pytest.approx(25, abs=2)
    # And the next picture may be noisy already.
    assert "clean" not in live.run(path, None).pictures


def test_a_denoiser_is_told_the_level_that_was_added(world, photo):
    """Not that of the config's noise, which it is told of pictures noisy already."""
    live = LiveDemo(world.config(), dict(ours="ToldLevel"))
    told = live.runner.denoisers["ours"].told
    path, _ = photo()
    for sigma in (25, 40, None):
        live.run(path, sigma)
    assert told == [25, 40, 60]


def test_large_pictures_are_cut_and_that_is_said(live, photo):
    path, pixels = photo(40, LONGEST + 100)
    found = live.run(path, None)
    assert np.array_equal(found.pictures["noisy"], pixels[:, 50 : 50 + LONGEST])
    assert f"The middle {LONGEST}x40 of {LONGEST + 100}x40" in found.text


def test_a_small_picture_is_shown_without_a_level(live, photo):
    assert "not measured" in live.run(photo(12, 12)[0], None).text


@pytest.mark.parametrize("content", [b"", b"no image at all"])
def test_what_is_no_picture_is_named(live, tmp_path, content):
    path = tmp_path / "x.png"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="x.png"):
        live.run(str(path), None)


def test_a_trained_cascade_stands_beside_what_it_began_from(world):
    cfg = world.config()
    with pytest.raises(ValueError, match="give --checkpoint"):
        cascade_sources(cfg, None)
    assert cascade_sources(cfg, "a.pth") == dict(joint="a.pth")
    cfg.model.denoiser_checkpoint = "multiscale_sigma60"
    both = dict(separate="multiscale_sigma60", joint="a.pth")
    assert cascade_sources(cfg, "a.pth") == both


def test_level_of_the_config_is_the_one_at_first(world):
    assert LiveDemo(world.config(), SOURCES).sigma == 60
    cfg = world.config()
    cfg.model.noise.sigma = (10, 20)
    assert LiveDemo(cfg, SOURCES).sigma == 30


def test_gradients_are_not_kept(live, photo):
    live.run(photo()[0], 10)
    assert not any(p.grad is not None for p in live.runner._cascade.parameters())
    assert torch.is_grad_enabled()
