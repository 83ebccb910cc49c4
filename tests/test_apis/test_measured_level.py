"""--sigma auto: the level is said and used; what is clean or not white stays."""

import re

import numpy as np
import pytest
import torch
from mmengine.config import Config
from noisy_scenes import noisy, save, scene
from PIL import Image

from mmdenoise.apis.denoise_files import Options, denoise_files
from mmdenoise.apis.file_plan import plan_files
from mmdenoise.apis.measured_level import auto_level
from mmdenoise.apis.predict import Predictor
from mmdenoise.cli.main import main
from mmdenoise.models import Denoiser
from mmdenoise.models.noise import CorrelatedNoise, GaussianNoise


class Told(Denoiser):
    """Returns grey, and remembers the levels that it is told."""

    takes_sigma = True
    reach = 0

    def __init__(self):
        super().__init__()
        self.levels = []

    def estimate(self, noisy, level=None):
        self.levels.append(float(level.flatten()[0]))
        return torch.full_like(noisy, 0.5)


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (GaussianNoise(0, quantise=True), "clean, sigma 0.*: unchanged"),
        (GaussianNoise(2), "white noise, sigma .*: too weak .* unchanged"),
        (CorrelatedNoise(12, blur=0.7), "outside what denoisers of white noise can do"),
        (GaussianNoise(12, jpeg=85), "JPEG after .*: outside what"),
    ],
    ids=repr,
)
def test_what_stays_as_it_is(tmp_path, capsys, model, words):
    source = save(tmp_path / "in.png", noisy(scene(), model))
    denoiser = Told()
    plan = plan_files([source], str(tmp_path / "out.png"))
    outcome = denoise_files(denoiser, plan, Options(sigma="auto"))
    assert len(outcome.unchanged) == 1 and not outcome.written and not denoiser.levels
    assert outcome.summary(1) == "denoised 0 of 1 images; 1 came back unchanged"
    one, other = (np.asarray(Image.open(tmp_path / f"{n}.png")) for n in ("in", "out"))
    assert np.array_equal(one, other)
    said = capsys.readouterr().err
    assert source in said
    measured = auto_level(one / 255)
    assert measured.sigma is None and measured.line in said
    assert re.search(words, measured.line)


def test_each_images_level_reaches_a_denoiser_that_takes_one(tmp_path, capsys):
    for sigma in (10, 30):
        save(tmp_path / "in" / f"{sigma}.png", noisy(scene(), GaussianNoise(sigma)))
    denoiser = Told()
    plan = plan_files([str(tmp_path / "in")], str(tmp_path / "out"))
    denoise_files(denoiser, plan, Options(sigma="auto"))
    assert denoiser.levels == [pytest.approx(10, rel=0.05), pytest.approx(30, rel=0.05)]
    assert capsys.readouterr().err.count("white noise, sigma") == 2


@pytest.mark.parametrize("ending", [".jpg", ".png"])
def test_a_jpeg_is_not_compressed_once_more(tmp_path, ending):
    source = save(tmp_path / "in.jpg", noisy(scene(), GaussianNoise(12)), quality=80)
    out = tmp_path / f"out{ending}"
    outcome = denoise_files(
        Told(), plan_files([source], str(out)), Options(sigma="auto")
    )
    assert outcome.unchanged == [str(out)]
    assert np.array_equal(np.asarray(Image.open(source)), np.asarray(Image.open(out)))


def test_by_the_command(tmp_path, capsys):
    source = save(tmp_path / "in.png", noisy(scene(), GaussianNoise(25)))
    out = str(tmp_path / "out.png")
    assert main(["denoise", source, out, "--sigma", "auto", "--device", "cpu"]) == 0
    assert "white noise, sigma 2" in capsys.readouterr().err
    clean = scene()
    errors = [np.asarray(Image.open(p)) / 255 - clean for p in (source, out)]
    assert np.std(errors[1]) < 0.4 * np.std(errors[0])
    with pytest.raises(SystemExit):
        main(["denoise", source, out, "--sigma", "automatic"])
    assert (
        "must be a number from 0 on, got 'automatic', or auto"
        in capsys.readouterr().err
    )


def test_predict_measures_what_the_network_sees(tmp_path):
    save(tmp_path / "clean.png", scene())
    save(tmp_path / "noisy.png", noisy(scene(), GaussianNoise(25)))
    pipeline = [dict(type="mmdenoise.LoadImage"), dict(type="mmdenoise.PackImage")]
    model = dict(
        type="mmdenoise.Cascade",
        denoiser=dict(type="mmdenoise.MultiScaleDenoiser"),
        noise=dict(type="mmdenoise.GaussianNoise", sigma=60),
    )
    data = dict(dataset=dict(type="mmdenoise.CleanImageDataset", pipeline=pipeline))
    cfg = Config(dict(model=model, test_dataloader=data, default_scope="mmengine"))
    predictor = Predictor(cfg, "multiscale_blind", sigma="auto")
    clean = predictor(str(tmp_path / "clean.png"))
    assert "clean, sigma" in predictor.said
    assert torch.equal(clean.denoised, clean.noisy)
    other = predictor(str(tmp_path / "noisy.png"))
    assert "white noise, sigma 2" in predictor.said
    assert not torch.equal(other.denoised, other.noisy)
