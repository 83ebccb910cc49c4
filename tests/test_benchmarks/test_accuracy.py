"""The benchmark: the cascade's noise, results kept, failures named, the rest scored."""

import csv
import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mmdenoise.apis.methods import Method
from mmdenoise.benchmarks import accuracy as module
from mmdenoise.benchmarks.accuracy import benchmark, clean_image
from mmdenoise.datasets import CleanImageDataset
from mmdenoise.evaluation import psnr
from mmdenoise.registry import MODELS
from mmdenoise.weights.denoiser_file import write_denoiser_file

IDENTITY = Method("noisy", "IdentityDenoiser")


@pytest.fixture
def data(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "set").mkdir()
    for seed, name in enumerate(("a.png", "b.png")):
        rng = np.random.default_rng(seed)
        pixels = rng.integers(0, 256, (24, 32, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "set" / name)
    return dict(mine="set")


def test_the_noise_is_a_cascades(data):
    """Noisy images score as what a cascade's preprocessor makes of the same file."""
    found = benchmark([IDENTITY], data, [40], "out", seed=3)
    images = CleanImageDataset("set", module.PIPELINE, test_mode=True)
    config = dict(
        type="mmdenoise.Cascade",
        denoiser=dict(type="mmdenoise.IdentityDenoiser"),
        noise=dict(type="mmdenoise.GaussianNoise", sigma=40, seed=3),
        loss=dict(type="mmdenoise.JointLoss", perceptual=0, task=0),
    )
    model = MODELS.build(config).eval()
    for index, score in enumerate(found.scores):
        batch = dict(images[index], inputs=images[index]["inputs"][None])
        batch["data_samples"] = [batch["data_samples"]]
        ready = model.data_preprocessor(batch, False)
        _, clean = clean_image(images, index)
        assert torch.allclose(ready["clean"][0], clean, atol=1e-6)
        assert score.psnr == pytest.approx(psnr(ready["inputs"][0], clean), abs=1e-6)
        assert 15 < score.psnr < 18
    assert [s.image for s in found.scores] == ["a.png", "b.png"]
    assert found.failures == []


def test_what_is_written(data):
    benchmark([IDENTITY], data, [25, 50], "out")
    assert sorted(os.listdir("out")) == [
        "averages.csv",
        "benchmark.md",
        "images.csv",
        "psnr.png",
        "results.jsonl",
    ]
    assert Image.open("out/psnr.png").size[1] > 300
    with open("out/images.csv") as file:
        rows = list(csv.DictReader(file))
    assert [(row["image"], row["sigma"]) for row in rows] == [
        ("a.png", "25"),
        ("a.png", "50"),
        ("b.png", "25"),
        ("b.png", "50"),
    ]
    assert "## mine\n\n2 images, noise seed 0." in Path("out/benchmark.md").read_text()


def test_a_killed_run_goes_on(data, monkeypatch, capsys):
    calls = []
    true = module._score
    monkeypatch.setattr(module, "_score", lambda *a: calls.append(1) or true(*a))
    first = benchmark([IDENTITY], data, [25, 50], "out")
    assert len(calls) == 4
    lines = Path("out/results.jsonl").read_text().splitlines()
    kept = [line for line in lines if line][:3]
    Path("out/results.jsonl").write_text("\n".join(kept) + '\n{"key": "half')
    again = benchmark([IDENTITY], data, [25, 50], "out")
    assert len(calls) == 5
    assert [s.psnr for s in again.scores] == [s.psnr for s in first.scores]
    # Another seed, another image: computed anew.
    benchmark([IDENTITY], data, [25], "out", seed=1)
    assert len(calls) == 7
    Image.fromarray(np.zeros((24, 32, 3), "uint8")).save("set/b.png")
    capsys.readouterr()
    benchmark([IDENTITY], data, [25], "out")
    assert len(calls) == 8
    assert "noisy: made anew, changed: image\n" in capsys.readouterr().err


def test_a_method_of_other_weights_is_made_anew(data, capsys):
    config = dict(type="mmdenoise.MultiScaleDenoiser", stem_channels=4)
    config.update(encoder_channels=8, decoder_channels=8)
    for seed in (0, 1):
        torch.manual_seed(seed)
        network = MODELS.build(config)
        write_denoiser_file("net.pth", network.state_dict(), config)
        found = benchmark([Method("net", "net.pth")], data, [25], "out")
        fresh = benchmark([Method("net", "net.pth")], data, [25], f"fresh{seed}")
        assert [s.psnr for s in found.scores] == [s.psnr for s in fresh.scores]
    err = capsys.readouterr().err
    assert err.count("net: made anew, changed: weights\n") == 1


def test_an_earlier_report_is_kept(data):
    benchmark([IDENTITY], data, [25], "out")
    first = Path("out/benchmark.md").read_text()
    benchmark([IDENTITY], data, [25], "out")
    assert not os.path.exists("out/earlier"), "it says the same"
    benchmark([IDENTITY], data, [50], "out")
    (kept,) = Path("out/earlier").iterdir()
    assert (kept / "benchmark.md").read_text() == first
    names = ["averages.csv", "benchmark.md", "images.csv", "psnr.png"]
    assert sorted(os.listdir(kept)) == names
    benchmark([IDENTITY], data, [25, 50], "out")
    assert len(list(Path("out/earlier").iterdir())) == 2


def test_failures_are_named_and_the_rest_is_scored(data, capsys):
    Path("set/c.png").write_text("no image")
    methods = [IDENTITY, Method("gone", "gone_sigma{sigma}.pth")]
    found = benchmark(methods, data, [25], "out")
    assert len(found.scores) == 2
    method, image = found.failures
    assert method.startswith("gone, sigma 25: ") and "gone_sigma25.pth" in method
    assert image.startswith("mine: ") and "set/c.png" in image
    assert f"failed: {method}" in capsys.readouterr().err
    with pytest.raises(RuntimeError, match="there is no result: gone, sigma 25"):
        benchmark(methods[1:], data, [25], "other")


@pytest.mark.parametrize(
    "options, error, words",
    [
        (dict(sigmas=[]), ValueError, "needs a sigma"),
        (dict(sigmas=[-1]), ValueError, "sigma"),
        (dict(seed=-1), ValueError, "seed"),
        (dict(methods=[IDENTITY, IDENTITY]), ValueError, "two methods have one name"),
        (dict(data=dict(x="gone")), FileNotFoundError, "gone"),
    ],
)
def test_wrong_options(data, options, error, words):
    given = dict(methods=[IDENTITY], data=data, sigmas=[25], out_dir="out")
    with pytest.raises(error, match=words):
        benchmark(**{**given, **options})


def test_the_command(data, command):
    arguments = ["--denoiser", "noisy=IdentityDenoiser", "--data", "mine=set"]
    run = command("benchmark", "accuracy", *arguments, "--out", "out")
    assert run.out == "6 results in out: benchmark.md, psnr.png\n"
    assert "benchmark: 6/6  ETA 0:00:00" in run.err
    lines = Path("out/results.jsonl").read_text().splitlines()
    assert {json.loads(line)["sigma"] for line in lines if line} == {25, 35, 50}
