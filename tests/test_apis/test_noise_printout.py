"""Reports of noise: kinds told apart, models that build, one line for errors."""

import re

import numpy as np
import pytest
from noisy_scenes import noisy, save, scene
from PIL import Image

import mmdenoise.models  # noqa: F401 - registers the noise models
from mmdenoise.apis.noise_printout import print_noise
from mmdenoise.apis.noise_report import describe_noise, floats_of, jpeg_quality
from mmdenoise.cli.main import main
from mmdenoise.images import Picture
from mmdenoise.models.noise import (
    CameraNoise,
    CorrelatedNoise,
    GaussianNoise,
    PoissonGaussianNoise,
)
from mmdenoise.registry import MODELS


def built(text):
    """The noise models of a report, as a config would build them."""
    found = re.findall(r"^noise model.*: (noise=dict\(.*\))$", text, re.MULTILINE)
    return [MODELS.build(eval(line.partition("=")[2])) for line in found]  # noqa: S307


@pytest.mark.parametrize(
    ("model", "kind", "level"),
    [
        (GaussianNoise(0, quantise=True), "clean", 0),
        (GaussianNoise(20), "white", 20),
        (GaussianNoise(20, clip=True, quantise=True), "white", 20),
        (PoissonGaussianNoise(150, 5, clip=True, quantise=True), "white", 15.2),
        (CorrelatedNoise(12, blur=0.7), "correlated", 12),
        (CameraNoise(200, 1, clip=True, quantise=True), "correlated", 8),
        (GaussianNoise(15, jpeg=80), "jpeg", 8),
    ],
    ids=repr,
)
def test_kinds(model, kind, level):
    report = describe_noise(noisy(scene(), model))
    assert report.kind == kind
    assert report.level == pytest.approx(level, rel=0.3, abs=1)
    assert str(report).startswith(kind[:4]) or kind == "jpeg"


def test_clipping_is_said_where_it_counts():
    clean = scene(low=0, high=1)
    clipped = describe_noise(noisy(clean, GaussianNoise(25, clip=True, quantise=True)))
    assert clipped.clipped > 0.01 and ", clipped: " in str(clipped)
    assert describe_noise(noisy(clean, GaussianNoise(25))).clipped == 0


def test_new_white_noise_on_an_old_jpeg_is_white():
    old = noisy(scene(), GaussianNoise(8, jpeg=70)).astype(np.float64)
    assert describe_noise(old).kind == "jpeg"
    report = describe_noise(noisy(old, GaussianNoise(15, quantise=True)))
    assert report.kind == "white" and report.level == pytest.approx(15, rel=0.05)


@pytest.mark.parametrize("quality", [30, 75, 95])
def test_quality_of_a_file(tmp_path, quality):
    path = save(tmp_path / "a.jpg", scene(), quality=quality)
    assert jpeg_quality(path) == quality
    assert jpeg_quality(save(tmp_path / "a.png", scene())) is None


def test_floats_of_any_pixels():
    grey = floats_of(Picture(np.full((4, 4), 65535, np.uint16)))
    assert grey.max() == 1 and grey.shape == (4, 4)
    colours = np.arange(64, dtype=np.uint8).reshape(4, 4, 4)
    assert floats_of(Picture(colours)).shape == (4, 4, 3)
    # Grey is grey, with alpha or in three equal channels.
    assert floats_of(Picture(colours[..., :2])).shape == (4, 4)
    assert floats_of(Picture(colours[..., [0, 0, 0]])).shape == (4, 4)
    twelve_bits = Picture(np.full((4, 4, 3), 4095, np.uint16), white=4095.0)
    assert floats_of(twelve_bits).max() == 1
    with pytest.raises(ValueError, match="NaN or infinite"):
        floats_of(Picture(np.full((4, 4, 3), np.nan, np.float32)))


def test_a_sensors_files_give_its_model(tmp_path, capsys):
    model = PoissonGaussianNoise(150, 8, clip=True, quantise=True)
    clean = [scene(seed, 128, 160, low=0, high=1) for seed in range(4)]
    paths = [
        save(tmp_path / f"{seed}.png", noisy(image, model, seed))
        for seed, image in enumerate(clean)
    ]
    plot = tmp_path / "plot.png"
    assert main(["noise", *paths, "--plot", str(plot)]) == 0
    text = capsys.readouterr().out
    (found,) = built(text)
    assert isinstance(found, PoissonGaussianNoise)
    assert found.peak == pytest.approx(150, rel=0.1)
    assert found.sigma == pytest.approx(8, rel=0.1)
    assert found.clip and found.quantise and found.jpeg is None
    assert f"written: {plot}" in text
    assert min(Image.open(plot).size) > 400
    # Neither is it replaced, nor are hours spent before that is said.
    assert main(["noise", *paths, "--plot", str(plot)]) == 1
    assert "exists already" in capsys.readouterr().err


def test_each_kind_has_its_model(tmp_path, capsys):
    white = noisy(scene(), GaussianNoise(20))
    save(tmp_path / "white.png", white)
    save(tmp_path / "stored.jpg", white, quality=80)
    save(tmp_path / "clean.png", scene())
    save(tmp_path / "blurred.png", noisy(scene(), CorrelatedNoise(15, blur=0.6)))
    paths = sorted(map(str, tmp_path.iterdir()))
    assert print_noise(paths) == 0
    text = capsys.readouterr().out
    models = {type(model): model for model in built(text)}
    assert models[CorrelatedNoise].sigma == pytest.approx(15, rel=0.1)
    assert models[CorrelatedNoise].blur == pytest.approx(0.6, abs=0.2)
    sigmas = [m for m in built(text) if isinstance(m, GaussianNoise)]
    assert sorted(m.jpeg or (0, 0) for m in sigmas) == [(0, 0), (80, 80)]
    plain = next(m for m in sigmas if m.jpeg is None)
    assert plain.sigma == pytest.approx(20, rel=0.05) and plain.quantise
    assert "none, they are clean" in text
    assert text.count("outside what they can do") == 2


def test_what_cannot_be_measured_is_one_line_and_others_go_on(tmp_path, capsys):
    small = save(tmp_path / "small.png", scene()[:30, :30])
    good = save(tmp_path / "good.png", noisy(scene(), GaussianNoise(20)))
    missing = str(tmp_path / "missing.png")
    assert main(["noise", small, missing, good]) == 1
    out, err = capsys.readouterr()
    assert err.count("\n") == 2
    assert f"error: {small!r}: an image of 30x30 is too small" in err
    assert f"error: there is no image {missing!r}" in err
    assert out.startswith(f"{good}: white noise, sigma 20")


@pytest.mark.parametrize(
    ("plot", "words"),
    [
        ("plot.txt", r"a plot is a .png, .pdf, .svg file"),
        ("plot.png", "is not drawn: no file has white noise to fit"),
    ],
)
def test_bad_plots(tmp_path, plot, words):
    clean = save(tmp_path / "clean.png", scene())
    with pytest.raises(ValueError, match=words):
        print_noise([clean], str(tmp_path / plot))
    assert not (tmp_path / plot).exists()
