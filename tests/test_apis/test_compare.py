"""The comparison of denoisers in front of one head: table, interval, panel."""

import functools

import numpy as np
import pytest
import torch
from PIL import Image

from mmdenoise.apis import load_denoiser
from mmdenoise.apis.compare import compare
from mmdenoise.apis.method_grid import own_column, plan_grid
from mmdenoise.apis.methods import Method
from mmdenoise.datasets.textured_shapes import CLASSES, PALETTE
from mmdenoise.evaluation import bootstrap
from mmdenoise.evaluation.kept_cells import merged
from mmdenoise.registry import MODELS
from mmdenoise.visualization.picture_grid import GAP, TEXT

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


def test_table_interval_and_panel(world, checkpoints, runs, tmp_path, monkeypatch):
    few = functools.partial(bootstrap.bootstrap, resamples=20)
    monkeypatch.setattr("mmdenoise.apis.method_grid.bootstrap", few)
    cfg = world.config()
    before = cfg.pretty_text
    out = tmp_path / "out"

    def run(**more):
        return compare(
            cfg,
            checkpoints,
            str(out),
            KEYS,
            noise_seeds=(0, 1),
            differences=[("good", "bad")],
            images=(2, 0),
            **more,
        )

    text = run()
    # Clean images need no noise seed, the three other arms two each.
    assert len(runs) == 7
    assert cfg.pretty_text == before
    assert (out / "table.md").read_text() == text + "\n"
    header, _, *rows, empty, interval, _, ran = text.splitlines()
    assert header == "| | mIoU | PSNR |" and empty == ""
    assert ran == "Denoised in float32."
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
    rows = TEXT + 2 * GAP + 2 * 2 * (CELL + GAP) + GAP
    assert rows < panel.size[1] <= rows + 28 * len(CLASSES), "and one legend"

    # A second call replaces nothing, unless it is asked to: then it reads.
    first = panel.tobytes()
    with pytest.raises(FileExistsError, match="table.md' .and 1 more. exists already"):
        run()
    assert run(overwrite=True) == text
    assert len(runs) == 7
    assert Image.open(out / "panel.png").tobytes() == first


def test_without_a_panel_or_an_interval(world, tmp_path):
    text = compare(world.config(), {}, str(tmp_path), KEYS)
    assert sorted(
        p.name for p in tmp_path.iterdir() if p.suffix in (".md", ".png")
    ) == ["table.md"]
    assert len(text.splitlines()) == 4 + 2


@pytest.mark.parametrize(
    "given, error, words",
    [
        (
            dict(differences=[("clean", "mine")]),
            ValueError,
            "no method is .*'mine'",
        ),
        (dict(methods=dict(clean="a.pth")), ValueError, "may not be called 'clean'"),
        (dict(methods=dict(noisy="a.pth")), ValueError, "may not be called 'noisy'"),
        (dict(methods=dict(mine="gone.pth")), FileNotFoundError, "mine: .*'gone.pth'"),
        (dict(images=[0, 3]), IndexError, "no test image 3: the 3 .* 0 to 2"),
        (dict(images=[-1]), IndexError, "no test image -1"),
        (dict(noise_seeds=[1, 1]), ValueError, r"seeds must differ, got \[1, 1\]"),
        (dict(noise_seeds=[-1]), ValueError, "noise seed must be a non-negative"),
    ],
)
def test_what_is_wrong_is_said_before_the_work(
    world, runs, tmp_path, given, error, words
):
    options = dict(dict(methods={}, out_dir=str(tmp_path / "out"), keys=KEYS), **given)
    with pytest.raises(error, match=words):
        compare(world.config(), **options)
    assert runs == []
    assert not (tmp_path / "out").exists()


def test_an_unknown_metric_is_said_after_the_first_row(world, runs, tmp_path):
    with pytest.raises(ValueError, match="no metric is called mIuO; .* PSNR, .* mIoU"):
        compare(world.config(), {}, str(tmp_path), ["mIuO"])
    assert len(runs) == 1


def test_any_method_that_load_denoiser_takes(world, tmp_path):
    methods = dict(zoo="multiscale_sigma60", none="IdentityDenoiser")
    text = compare(world.config(), methods, str(tmp_path), KEYS)
    cells = {line.split(" | ")[0].strip("| "): line for line in text.splitlines()}
    assert cells["none"].split("|")[2:] == cells["noisy"].split("|")[2:]
    assert cells["zoo"].split("|")[2:] != cells["noisy"].split("|")[2:]


def test_a_changed_label_is_another_result(world, runs, tmp_path, capsys):
    """Label files are read again, and only what changed is made anew."""
    import shutil

    data = shutil.copytree(world.data, tmp_path / "data")
    cfg = world.config()
    cfg.test_dataloader.dataset.data_root = str(data)
    out = str(tmp_path / "out")
    before = compare(cfg, {}, out, KEYS)
    mask = sorted((data / "SegmentationClass").iterdir())
    for path in mask:
        image = Image.open(path)
        changed = Image.fromarray(np.zeros_like(np.asarray(image)), image.mode)
        if image.mode == "P":
            changed.putpalette(image.getpalette())
        changed.save(path)
    after = compare(cfg, {}, out, KEYS, overwrite=True)
    assert "clean, noise seed 0: made anew, changed: data" in capsys.readouterr().err
    assert len(runs) == 4 and after != before
    assert after == compare(cfg, {}, str(tmp_path / "fresh"), KEYS)


def test_wrapped_data_sets_and_metrics_of_each_class(
    cls_config, save_head, tmp_path, monkeypatch
):
    """ConcatDataset, RepeatDataset, and a metric whose results are lists."""
    few = functools.partial(bootstrap.bootstrap, resamples=20)
    monkeypatch.setattr("mmdenoise.apis.method_grid.bootstrap", few)
    model = cls_config(num_classes=len(CLASSES))
    model["head"]["num_classes"] = len(CLASSES)
    cls_head = save_head(tmp_path / "head", model)
    from mmengine.config import Config

    from mmdenoise.datasets.textured_classes import make_class_dataset

    data = str(make_class_dataset(tmp_path / "data", train=1, val=1))
    one = dict(
        type="mmdenoise.TexturedClassesDataset",
        data_root=data,
        split="val",
        pipeline=[dict(type="mmdenoise.LoadImage"), dict(type="PackInputs")],
    )
    cfg = Config(
        dict(
            default_scope="mmpretrain",
            model=dict(
                type="mmdenoise.CascadeClassifier",
                denoiser=dict(type="mmdenoise.PointwiseDenoiser"),
                head=cls_head[0],
                head_checkpoint=cls_head[1],
                noise=dict(type="mmdenoise.GaussianNoise", sigma=60),
                loss=dict(type="mmdenoise.JointLoss", perceptual=0),
            ),
            test_dataloader=dict(
                batch_size=4,
                num_workers=0,
                sampler=dict(type="DefaultSampler", shuffle=False),
                dataset=dict(
                    type="mmengine.ConcatDataset",
                    datasets=[one, dict(type="RepeatDataset", dataset=one, times=2)],
                ),
            ),
            test_cfg=dict(),
            test_evaluator=[
                dict(type="Accuracy", topk=(1,)),
                dict(type="SingleLabelMetric", average=None),
                dict(type="mmdenoise.PSNR"),
            ],
            log_level="ERROR",
        )
    )
    difference = [("clean", "noisy")]
    out = str(tmp_path / "out")
    text = compare(cfg, {}, out, differences=difference, images=[1])
    assert text.splitlines()[0] == "| | accuracy/top1 | PSNR |"
    assert "accuracy/top1 " in text.splitlines()[5]
    assert text.splitlines()[-1].startswith("Left out, no single numbers: ")
    assert "single-label/precision" in text.splitlines()[-1]
    assert Image.open(tmp_path / "out" / "panel.png").size[0] == 3 * (CELL + GAP) + GAP


def test_the_panel_shows_what_each_method_makes_of_the_same_image(
    world, checkpoints, tmp_path
):
    from mmdenoise.datasets import TexturedShapesDataset

    out = str(tmp_path / "out")
    compare(world.config(), checkpoints, out, KEYS, noise_seeds=[3], images=[1])
    panel = np.asarray(Image.open(tmp_path / "out" / "panel.png"))
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


def _noisy_already(world, tmp_path, sigma=60):
    """A config whose test images are noisy files, and a plain one without noise."""
    import shutil

    data = shutil.copytree(world.data, tmp_path / "data")
    generator = np.random.default_rng(0)
    for path in sorted((data / "JPEGImages").iterdir()):
        image = np.asarray(Image.open(path).convert("RGB"), np.float64)
        noisy = image + generator.normal(0, sigma, image.shape)
        path.unlink()
        # Under the name that the data set looks for; without loss for what is tested.
        Image.fromarray(noisy.round().clip(0, 255).astype(np.uint8)).save(
            path, format="PNG"
        )
    cfg = world.config()
    cfg.test_dataloader.dataset.data_root = str(data)
    cfg.model.noise = None
    metrics = [m for m in cfg.test_evaluator if m["type"] not in WITH_CLEAN]
    cfg.test_evaluator = metrics
    return cfg


WITH_CLEAN = ("mmdenoise.PSNR", "mmdenoise.SSIM")


def test_images_that_are_noisy_already(world, runs, tmp_path):
    """Each row is what the host's test gives; there is no row of clean images."""
    from mmengine.runner import Runner

    cfg = _noisy_already(world, tmp_path)
    methods = dict(zoo="multiscale_sigma60", none="IdentityDenoiser")
    out = str(tmp_path / "out")
    text = compare(cfg, methods, out, ["mIoU"], differences=[("zoo", "noisy")])
    assert len(runs) == 3
    lines = text.splitlines()
    cells = {
        row.split(" | ")[0].strip("| "): row.split("|")[2].strip() for row in lines[2:5]
    }
    assert list(cells) == ["noisy", "zoo", "none"]
    assert cells["none"] == cells["noisy"] != cells["zoo"]
    assert any(line.startswith("zoo minus noisy, 95%") for line in lines)

    alone = world.config()
    alone.test_dataloader.dataset.data_root = cfg.test_dataloader.dataset.data_root
    alone.test_evaluator = cfg.test_evaluator
    alone.model.update(
        noise=None,
        denoiser=dict(type="mmdenoise.IdentityDenoiser"),
        denoiser_checkpoint=None,
    )
    for name in [name for name in alone if name.startswith("train_")]:
        alone.pop(name)
    alone.work_dir = str(tmp_path / "host")
    found = Runner.from_cfg(alone).test()
    assert cells["noisy"] == f"{found['mIoU']:.2f}"


def test_the_level_of_images_that_are_noisy_already(world, tmp_path):
    """A denoiser that takes the level is told it; without one it is refused."""
    cfg = _noisy_already(world, tmp_path)
    cfg.model.denoiser = dict(type="mmdenoise.MultiScaleDenoiser", takes_sigma=True)
    weights = load_denoiser("multiscale", sigma=60, for_inference=False).state_dict()
    torch.save(weights, tmp_path / "weights.pth")
    given = dict(
        told="multiscale",
        file="multiscale_sigma{sigma}",
        weights=str(tmp_path / "weights.pth"),
    )
    with pytest.raises(ValueError, match="told: this denoiser is told .* say with sig"):
        compare(cfg, dict(told="multiscale"), str(tmp_path / "a"), ["mIoU"])
    rows = {}
    for sigma in (60, 15):
        text = compare(cfg, given, str(tmp_path / f"{sigma}"), ["mIoU"], sigma=sigma)
        rows[sigma] = [row.split("|")[2] for row in text.splitlines()[2:6]]
    assert rows[60][0] == rows[15][0], "noisy"
    assert all(a != b for a, b in zip(rows[60][1:], rows[15][1:]))
    assert all(own[1] == own[3] for own in rows.values()), "the zoo's, by its file"


@pytest.mark.parametrize(
    "given, words",
    [
        (dict(noise_seeds=[0, 1]), r"noisy already .noise=None.*got \[0, 1\]"),
        (dict(differences=[("noisy", "clean")]), "no method is called 'clean'"),
        (dict(methods=dict(a="multiscale")), "a: .* say with sigma"),
    ],
)
def test_what_noisy_images_cannot_give(world, runs, tmp_path, given, words):
    cfg = world.config()
    del cfg.model["noise"]
    options = dict(dict(methods={}, out_dir=str(tmp_path / "out")), **given)
    with pytest.raises(ValueError, match=words):
        compare(cfg, **options)
    assert runs == [] and not (tmp_path / "out").exists()


def test_a_level_beside_simulated_noise_is_refused(world, runs, tmp_path):
    with pytest.raises(ValueError, match="sigma is for images .*got 25.*GaussianNoise"):
        compare(world.config(), {}, str(tmp_path / "out"), sigma=25)
    assert runs == [] and not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "own",
    [
        dict(type="mmdenoise.MultiScaleDenoiser", takes_sigma=True),
        dict(type="mmdenoise.FFDNet", sigma=25),
    ],
)
def test_bare_weights_in_a_denoiser_of_its_own_level(world, tmp_path, own):
    """The level that is given counts, not the one that the config's denoiser has."""
    cfg = world.config()
    cfg.model.update(noise=None, denoiser=own)
    path = str(tmp_path / "weights.pth")
    torch.save(MODELS.build(own).state_dict(), path)
    column = own_column(cfg, 60)
    cells = plan_grid(cfg, [Method("mine", path)], [column], [0])
    model = merged(cfg, cells["mine", column.label][0]).model
    assert (model.denoiser.type, model.denoiser.sigma) == (own["type"], 60)
    assert model.denoiser_checkpoint == path
