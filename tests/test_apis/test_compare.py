"""The comparison of denoisers in front of one head: table, interval, panel."""

import functools

import numpy as np
import pytest
import torch
from PIL import Image

from mmdenoise.apis.compare import arms_of, compare, draw_panel
from mmdenoise.datasets.textured_shapes import PALETTE
from mmdenoise.evaluation import comparison
from mmdenoise.registry import MODELS
from mmdenoise.visualization.panel import GAP, TEXT

KEYS = ("mIoU", "PSNR")
CELL = 256


@pytest.fixture
def checkpoints(tmp_path):
    """Two denoisers: one that does nothing much, one that spoils the image."""
    paths = {}
    for name, bias in (("good", 0.0), ("bad", 0.4)):
        model = MODELS.build(
            dict(type="mmdenoise.PointwiseDenoiser", gain=1.0, bias=bias)
        )
        paths[name] = str(tmp_path / f"{name}.pth")
        torch.save(model.state_dict(), paths[name])
    return paths


@pytest.fixture
def runs(monkeypatch):
    """Names of the experiments that were really run."""
    names = []
    build = comparison.Runner.from_cfg

    def counted(cfg):
        names.append(cfg.experiment_name)
        return build(cfg)

    monkeypatch.setattr(comparison.Runner, "from_cfg", counted)
    return names


def test_the_rows():
    arms = arms_of({"joint": "a.pth", "other": "b.pth"})
    assert [arm.name for arm in arms] == ["clean", "noisy", "joint", "other"]
    clean, noisy, joint, other = (arm.model for arm in arms)
    assert joint == dict(denoiser_checkpoint="a.pth")
    assert other == dict(denoiser_checkpoint="b.pth")
    for model in (clean, noisy):
        assert model["denoiser"]["type"] == "mmdenoise.IdentityDenoiser"
        assert model["denoiser_checkpoint"] is None
    assert clean["noise"]["sigma"] == 0
    assert "noise" not in noisy, "the config's own"


def test_table_interval_and_panel(world, checkpoints, runs, tmp_path, monkeypatch):
    few = functools.partial(comparison.bootstrap, resamples=20)
    monkeypatch.setattr("mmdenoise.apis.compare.bootstrap", few)
    cfg = world.config()
    before = cfg.pretty_text
    out = tmp_path / "out"

    def run():
        return compare(
            cfg,
            arms_of(checkpoints),
            str(out),
            KEYS,
            noise_seeds=(0, 1),
            differences=[("good", "bad")],
            images=(2, 0),
        )

    text = run()
    # Clean images need no noise seed, the three other arms two each.
    assert len(runs) == 7
    assert cfg.pretty_text == before
    assert (out / "table.md").read_text() == text + "\n"
    header, _, *rows, empty, interval = text.splitlines()
    assert header == "| | mIoU | PSNR |" and empty == ""
    cells = {row.split(" | ")[0].strip("| "): row.split(" | ")[1:] for row in rows}
    assert list(cells) == ["clean", "noisy", "good", "bad"]
    assert cells["clean"][1].startswith("exact")
    psnr = {
        name: float(cells[name][1].split(" ")[0]) for name in ("noisy", "good", "bad")
    }
    assert 12 < psnr["noisy"] < 15, "sigma 60: 12.6 dB, more for what clipping takes"
    assert psnr["good"] == pytest.approx(psnr["noisy"], abs=0.6)
    assert psnr["bad"] < psnr["good"] - 2
    assert "±" in cells["noisy"][1]
    assert interval.startswith("good minus bad, 95% paired bootstrap intervals: mIoU ")
    value, low, high = (
        float(part.strip("[],")) for part in interval.split("PSNR ")[1].split(" ")
    )
    assert value == pytest.approx(psnr["good"] - psnr["bad"], abs=0.02)
    assert 0 < low <= value <= high

    panel = Image.open(out / "panel.png")
    # Noisy, two denoisers, clean and the truth; for each image, pictures over labels.
    assert panel.size[0] == 5 * (CELL + GAP) + GAP
    rows = 2 * 2 * (CELL + GAP) + GAP
    assert panel.size[1] == TEXT + 2 * GAP + rows

    # A second call reads, and draws the same.
    first = panel.tobytes()
    assert run() == text
    assert len(runs) == 7
    assert Image.open(out / "panel.png").tobytes() == first


def test_without_a_panel_or_an_interval(world, tmp_path):
    arms = arms_of({})[:1]
    text = compare(world.config(), arms, str(tmp_path), KEYS)
    assert sorted(
        p.name for p in tmp_path.iterdir() if p.suffix in (".md", ".png")
    ) == ["table.md"]
    assert len(text.splitlines()) == 3


def test_an_unknown_arm_in_the_difference(world, tmp_path):
    with pytest.raises(ValueError, match="no arm is called 'mine'; there are clean"):
        compare(
            world.config(),
            arms_of({})[:1],
            str(tmp_path),
            KEYS,
            differences=[("clean", "mine")],
        )


def test_the_panel_shows_what_each_arm_makes_of_the_same_image(world, checkpoints):
    from mmdenoise.datasets import TexturedShapesDataset

    panel = np.asarray(
        draw_panel(world.config(), arms_of(checkpoints), images=(1,), seed=3)
    )
    dataset = TexturedShapesDataset(
        data_root=world.data, ann_file="ImageSets/Segmentation/val.txt", pipeline=[]
    )
    info = dataset.get_data_info(1)
    image = np.asarray(Image.open(info["img_path"]))
    top = TEXT + 2 * GAP + GAP

    def cell(column, row):
        """A picture, sampled back to its own size."""
        left, upper = GAP + column * (CELL + GAP), top + row * (CELL + GAP)
        places = ((np.arange(world.size) + 0.5) * CELL / world.size).astype(int)
        return panel[upper + places][:, left + places].astype(int)

    noisy, good, bad, clean = (cell(column, 0) for column in range(4))
    assert (clean == image).all()
    error = noisy - image
    inside = (image > 120) & (image < 136)
    assert error[inside].std() == pytest.approx(60, rel=0.15)
    # The same noise for all: what each denoiser does is all that tells them apart.
    unclipped = (noisy > 0) & (noisy < 255)
    gain = np.array([1.0, 0.9, 1.05])
    low_enough = unclipped & (noisy * gain < 254) & (noisy * gain + 102 < 254)
    assert np.abs(good - noisy * gain)[low_enough].max() <= 1.1
    assert np.abs(bad - (noisy * gain + 102))[low_enough].max() <= 1.1
    # Ground truth in its colours, borders white, beneath the legend.
    mask = np.asarray(Image.open(info["seg_map_path"]))
    colours = np.full((256, 3), 255)
    colours[: len(PALETTE)] = PALETTE
    assert (cell(4, 1) == colours[mask]).all()
    known = {tuple(colour) for colour in PALETTE}
    for column in range(4):
        found = {tuple(colour) for colour in cell(column, 1).reshape(-1, 3).tolist()}
        assert found <= known
