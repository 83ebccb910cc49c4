"""Through the tools: data and numbers that no training should go on with."""

import re
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
import torch
from mmengine.config import Config
from PIL import Image

from mmdenoise.datasets.textured_shapes import make_voc_dataset

ROOT = Path(__file__).parents[1]
BASES = ROOT / "configs" / "_base_"
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
    """A folder with one sound image; and writers of others."""
    folder = tmp_path / "photos"
    folder.mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (20, 24, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(folder / "a.png")
    return folder


def add(folder, kind):
    """Add an image that the cascade can not take."""
    pixels = np.random.default_rng(1).integers(0, 256, (20, 24, 3), dtype=np.uint8)
    path = str(folder / f"b_{kind}.png")
    if kind == "wide":
        cv2.imwrite(path, pixels.astype(np.uint16) * 257)
    elif kind == "lab":
        path = path.replace(".png", ".tif")
        tifffile.imwrite(path, pixels, photometric="cielab")
    else:
        image = Image.fromarray(pixels).convert(dict(grey="L", alpha="RGBA")[kind])
        if kind == "alpha":
            image.putalpha(200)
        image.save(path)
    return path


@pytest.fixture
def tool(tmp_path, photos, command):
    """Run a tool on the config of a small denoiser, with changes."""
    load = dict(type="mmdenoise.LoadImage")

    def loader(sampler, **dataset):
        return dict(
            batch_size=2,
            num_workers=0,
            sampler=dict(type=sampler),
            dataset=dict(
                dict(
                    type="mmdenoise.CleanImageDataset",
                    data_root=str(photos),
                    pipeline=[load, dict(type="mmdenoise.PackImage")],
                ),
                **dataset,
            ),
        )

    def run(name, changes=None, options=(), **dataset):
        cfg = Config.fromfile(BASES / "default_runtime.py")
        cfg.merge_from_dict(
            Config.fromfile(BASES / "denoisers/multiscale.py").to_dict()
        )
        cfg.model.denoiser.update(SMALL)
        cfg.merge_from_dict(
            dict(
                default_scope="mmengine",
                experiment_name=f"{tmp_path.name}_{len(list(tmp_path.iterdir()))}",
                train_dataloader=loader("InfiniteSampler", **dataset),
                test_dataloader=loader("DefaultSampler", **dataset),
                train_cfg=dict(type="IterBasedTrainLoop", max_iters=4),
                test_cfg=dict(type="TestLoop"),
                test_evaluator=[dict(type="mmdenoise.PSNR")],
                optim_wrapper=dict(optimizer=dict(type="Adam", lr=1e-3)),
                default_hooks=dict(checkpoint=dict(interval=1, max_keep_ckpts=2)),
                randomness=dict(seed=0),
            )
        )
        cfg.merge_from_dict(changes or {})
        path = tmp_path / f"config{len(list(tmp_path.iterdir()))}.py"
        cfg.dump(str(path))
        return command(name, path, "--work-dir", tmp_path / "work", *options)

    return run


def test_sound_ones_go_on(tool):
    trained = tool("train")
    assert trained.code == 0, trained.err
    tested = tool("test")
    assert tested.code == 0 and "PSNR" in tested.out, tested.err


# Images


@pytest.mark.parametrize("name", ["train", "test"])
@pytest.mark.parametrize(
    "kind, fault",
    [
        ("alpha", "has transparent pixels: lay it over a background"),
        ("lab", "holds CIELAB colours: convert it to RGB"),
    ],
)
def test_images_of_other_kinds_are_named(tool, photos, name, kind, fault):
    path = add(photos, kind)
    assert tool(name).error == f"the image {path!r} {fault}"


@pytest.mark.parametrize("kind", ["grey", "wide"])
def test_images_of_other_kinds_that_go_in_as_they_are(tool, photos, kind):
    """Grey as three equal channels, 16 bits as floats."""
    add(photos, kind)
    assert tool("train").code == 0


@pytest.mark.parametrize("kind", ["grey", "alpha", "wide"])
def test_the_hosts_own_loader_does_not_let_them_pass(tool, photos, kind):
    """Where it is told to leave a file's channels and bits as they are."""
    path = add(photos, kind)
    pipeline = [
        dict(type="mmcv.LoadImageFromFile", color_type="unchanged"),
        dict(type="mmdenoise.PackImage"),
    ]
    found = tool("test", pipeline=pipeline).error
    fault = dict(
        grey="is (20, 24) instead of (H, W, 3): load it as an image of 3 channels",
        alpha="is (20, 24, 4) instead of (H, W, 3): load it as an image of 3 channels",
        wide="is of type uint16: load it as an image of 8 bits a value",
    )[kind]
    assert found.startswith(f"{path!r} {fault}")


# Lists


def test_an_empty_folder_is_named(tool, tmp_path):
    (tmp_path / "empty").mkdir()
    for name in ("train", "test"):
        found = tool(name, data_root=str(tmp_path / "empty")).error
        assert re.match(r"no image \(.*\) in '.*/empty'; any folder of", found)


@pytest.mark.parametrize("text", ["", "\n \n"])
@pytest.mark.parametrize("name", ["train", "test"])
def test_an_empty_list_is_named(tool, tmp_path, name, text):
    pytest.importorskip("mmseg")
    data = make_voc_dataset(tmp_path / "data", train=1, val=1, size=32)
    path = data / "ImageSets" / "Segmentation" / "none.txt"
    path.write_text(text)
    found = tool(
        name,
        dict(default_scope="mmseg"),
        type="mmdenoise.TexturedShapesDataset",
        data_root=str(data),
        ann_file="ImageSets/Segmentation/none.txt",
    ).error
    assert found == (
        f"the data list {str(path)!r} is empty: it should name an image a line"
    )


@pytest.mark.parametrize("name", ["train", "test"])
def test_a_hosts_empty_list_is_named(tool, tmp_path, name):
    pytest.importorskip("mmseg")
    (tmp_path / "none.txt").write_text("")
    found = tool(
        name,
        dict(default_scope="mmseg"),
        type="BaseSegDataset",
        data_root=str(tmp_path),
        ann_file="none.txt",
        data_prefix=dict(img_path="photos"),
    ).error
    path = str(tmp_path / "none.txt")
    assert found == f"BaseSegDataset: the data list {path!r} names no image"


def test_a_list_that_is_kept_as_it_is(tool, tmp_path):
    """MMEngine builds it; its sampler would look for the first image for ever."""
    pytest.importorskip("mmseg")
    (tmp_path / "none.txt").write_text("")
    found = tool(
        "train",
        dict(default_scope="mmseg"),
        type="BaseSegDataset",
        serialize_data=False,
        data_root=str(tmp_path),
        ann_file="none.txt",
        data_prefix=dict(img_path="photos"),
    ).error
    path = str(tmp_path / "none.txt")
    assert found == f"BaseSegDataset: the data list {path!r} names no image"


# Numbers


def test_a_training_that_diverges(tool, tmp_path):
    wild = dict(optim_wrapper=dict(optimizer=dict(type="SGD", lr=1e30)))
    found = tool("train", wild).error
    assert re.match(
        r"iteration [12]: (the loss is not finite \(reconstruction is (nan|inf)\)|"
        r"weights are not finite \(denoiser\..*\).*); training stops, and earlier",
        found,
    )
    # From a checkpoint that is sound, on.
    for path in (tmp_path / "work").glob("*.pth"):
        state = torch.load(path, weights_only=False)["state_dict"]
        assert all(value.isfinite().all() for value in state.values())
