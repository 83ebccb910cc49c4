"""Heads by denoisers by noises: each cell as compare has it, kept and made anew."""

import csv
import shutil

import numpy as np
import pytest
import torch
from mmengine.config import Config
from PIL import Image

from mmdenoise.apis.compare import compare
from mmdenoise.apis.noise_columns import gaussian_columns, noise_columns
from mmdenoise.apis.sweep import sweep
from mmdenoise.datasets.textured_classes import make_class_dataset
from mmdenoise.datasets.textured_shapes import CLASSES
from mmdenoise.evaluation import kept_cells as cells
from mmdenoise.registry import MODELS

LEVELS = (30, 60)


@pytest.fixture
def denoiser(tmp_path):
    """Write weights of the pointwise denoiser."""

    def write(name, bias):
        config = dict(type="mmdenoise.PointwiseDenoiser", gain=1.0, bias=bias)
        path = str(tmp_path / f"{name}.pth")
        torch.save(MODELS.build(config).state_dict(), path)
        return path

    return write


@pytest.fixture(scope="module")
def classifier(tmp_path_factory, cls_config, save_head):
    """Config of a cascade in front of a small classifier, with its data."""
    folder = tmp_path_factory.mktemp("classifier")
    data = str(make_class_dataset(folder / "data", train=1, val=1))
    model = cls_config(num_classes=len(CLASSES))
    model["head"]["num_classes"] = len(CLASSES)
    head, checkpoint = save_head(folder / "head", model)
    return Config(
        dict(
            default_scope="mmpretrain",
            model=dict(
                type="mmdenoise.CascadeClassifier",
                denoiser=dict(type="mmdenoise.PointwiseDenoiser"),
                head=head,
                head_checkpoint=checkpoint,
                loss=dict(type="mmdenoise.JointLoss", perceptual=0),
            ),
            test_dataloader=dict(
                batch_size=3,
                num_workers=0,
                sampler=dict(type="DefaultSampler", shuffle=False),
                dataset=dict(
                    type="mmdenoise.TexturedClassesDataset",
                    data_root=data,
                    split="val",
                    pipeline=[
                        dict(type="mmdenoise.LoadImage"),
                        dict(type="PackInputs"),
                    ],
                ),
            ),
            test_cfg=dict(),
            test_evaluator=[dict(type="Accuracy", topk=(1, 2))],
            log_level="ERROR",
        )
    )


def rows_of(out):
    with open(out / "sweep.csv", encoding="utf-8") as file:
        found = list(csv.DictReader(file))
    names = ("head", "noise", "method", "metric")
    return {tuple(row[name] for name in names): row for row in found}


def test_every_cell_is_as_compare_has_it(world, classifier, denoiser, runs, tmp_path):
    """Two heads, of which each has a denoiser that the other has under another name."""
    one, other = denoiser("one", 0.0), denoiser("other", 0.4)
    heads = dict(seg=world.config(), cls=classifier)
    methods = dict(joint=dict(seg=one, cls=other), crossed=dict(seg=other))
    out = tmp_path / "out"
    text = sweep(
        heads,
        methods,
        str(out),
        gaussian_columns(LEVELS),
        noise_seeds=(0, 1),
        differences=[("joint", "noisy"), ("crossed", "joint")],
        resamples=20,
    )
    # Clean, and at each level noisy and the denoisers, under two seeds.
    assert len(runs) == (1 + 2 * 3 * 2) + (1 + 2 * 2 * 2)
    assert (out / "sweep.md").read_text(encoding="utf-8") == text + "\n"
    found = rows_of(out)
    checked = 0
    for head, cfg in heads.items():
        own = {name: source[head] for name, source in methods.items() if head in source}
        cfg.model.noise = dict(type="mmdenoise.GaussianNoise", sigma=60)
        lines = compare(cfg, own, str(tmp_path / head), noise_seeds=(0, 1)).splitlines()
        keys = [cell.strip() for cell in lines[0].strip("|").split("|")]
        for line in lines[3:]:
            name, *values = (cell.strip() for cell in line.strip("|").split("|"))
            for key, value in zip(keys[1:], values):
                row = found.get((head, "σ = 60", name, key))
                if row is not None:
                    value = value.split(" ")[0]
                    digits = len(value.partition(".")[2])
                    assert f"{float(row['mean']):.{digits}f}" == value
                    checked += 1
    # Two methods' mIoU and PSNR and the head's alone; top-1 and top-2 here.
    assert checked == 3 * 2 + 2 * 2
    assert float(found["cls", "σ = 30", "noisy", "PSNR"]["low"]) > 18
    assert ("cls", "σ = 60", "crossed", "PSNR") not in found
    for words in (
        "| noise | metric | noisy | joint | crossed |",
        "| σ = 60 | mIoU |",
        "| crossed minus joint | σ = 30 |",
        "### Robustness",
        "## cls\n\n6 images, 2 noise seeds.",
        "| noisy | 100.0 | ",
    ):
        assert words in text, words
    assert r"\begin{tabular}{lrrrr}" in (out / "sweep.tex").read_text()
    assert Image.open(out / "sweep.png").size[1] > 1000


def test_a_killed_sweep_goes_on_and_what_changed_is_made_anew(
    world, denoiser, runs, tmp_path, monkeypatch, capsys
):
    data = shutil.copytree(world.data, tmp_path / "data")
    cfg = world.config()
    cfg.test_dataloader.dataset.data_root = str(data)
    methods = dict(mine=denoiser("mine", 0.1))

    def run(out="out", **more):
        given = dict(columns=gaussian_columns([60]), resamples=5, **more)
        return sweep(dict(seg=cfg), methods, str(tmp_path / out), **given)

    test = cells.Runner.test

    def killed(self):
        if len(runs) == 2:
            raise KeyboardInterrupt
        return test(self)

    with monkeypatch.context() as patch:
        patch.setattr(cells.Runner, "test", killed)
        with pytest.raises(KeyboardInterrupt):
            run()
    assert len(runs) == 2 and not (tmp_path / "out" / "sweep.md").exists()
    first = run()
    assert len(runs) == 3, "no finished cell twice"
    with pytest.raises(FileExistsError, match="sweep.csv' .and 3 more. exists already"):
        run()
    assert run(overwrite=True) == first and len(runs) == 3
    assert "made anew" not in capsys.readouterr().err

    denoiser("mine", 0.3)
    second = run(overwrite=True)
    assert len(runs) == 4 and second != first, "the one method whose weights changed"
    assert "mine, σ = 60, noise seed 0: made anew, changed: weights" in (
        capsys.readouterr().err
    )
    image = sorted((data / "JPEGImages").glob("val*"))[0]
    pixels = np.asarray(Image.open(image)).copy()
    Image.fromarray(255 - pixels).save(image)
    third = run(overwrite=True)
    assert len(runs) == 7 and third != second, "every cell sees the image"
    assert third == run("fresh")


def test_any_noise_model_is_a_column(world, runs, tmp_path):
    noises = [
        *noise_columns("ImageNetCNoise:kind=shot:severity=1,5"),
        *noise_columns("mmdenoise.GaussianNoise:clip=True:sigma=25"),
    ]
    labels = ["ImageNetC shot, severity 1", "ImageNetC shot, severity 5"]
    labels += ["Gaussian True, sigma 25"]
    assert [noise.label for noise in noises] == labels
    assert noises[1].noise == dict(
        type="mmdenoise.ImageNetCNoise", kind="shot", severity=5
    )
    assert noises[0].kind == noises[1].kind != noises[2].kind
    text = sweep(
        dict(seg=world.config()),
        {},
        str(tmp_path),
        noises,
        resamples=5,
    )
    assert len(runs) == 4
    found = rows_of(tmp_path)
    psnr = [float(found["seg", label, "noisy", "PSNR"]["mean"]) for label in labels]
    assert psnr[0] > psnr[1] and psnr[2] > 20
    assert "| ImageNetC shot, severity 5 | PSNR |" in text


@pytest.mark.parametrize(
    "text, words",
    [
        ("NoNoise:sigma=1", "no noise model is called 'NoNoise'"),
        ("GaussianNoise:sigma", "a noise is TYPE:OPTION=VALUE"),
        ("PoissonGaussianNoise:peak=1,2:sigma=3,4", "one option of a noise may have"),
    ],
)
def test_wrong_noises(text, words):
    with pytest.raises(ValueError, match=words):
        noise_columns(text)


@pytest.mark.parametrize(
    "more, error, words",
    [
        (dict(columns=gaussian_columns([5, 5])), ValueError, "two noises are the same"),
        (dict(columns=gaussian_columns([-5])), ValueError, "noisy, σ = -5: sigma must"),
        (dict(methods=dict(noisy="CBM3D")), ValueError, "may not be called 'noisy'"),
        (dict(methods=dict(a=dict(b="x.pth"))), ValueError, "a: no head is called 'b'"),
        (
            dict(methods=dict(a="gone_{sigma}.pth")),
            FileNotFoundError,
            "a, σ = 15: .*'gone_15.pth'",
        ),
        (dict(differences=[("a", "noisy")]), ValueError, "no method is called 'a'"),
    ],
)
def test_what_is_wrong_is_said_before_the_work(
    world, runs, tmp_path, more, error, words
):
    given = dict(methods={}, out_dir=str(tmp_path / "out"))
    with pytest.raises(error, match=words):
        sweep(dict(seg=world.config()), **dict(given, **more))
    assert runs == []
    assert not (tmp_path / "out").exists()


def test_images_are_decoded_once(world, denoiser, tmp_path, monkeypatch):
    from mmdenoise.datasets import LoadImage

    read = []
    transform = LoadImage.transform

    def counted(self, results):
        read.append(results["img_path"])
        return transform(self, results)

    monkeypatch.setattr(LoadImage, "transform", counted)
    methods = dict(a=denoiser("a", 0.1), b=denoiser("b", 0.2))
    sweep(
        dict(seg=world.config()),
        methods,
        str(tmp_path / "out"),
        gaussian_columns([60]),
        resamples=2,
    )
    assert len(read) == len(set(read)) == 3
