"""Configs and data that are not there: how to get them."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "name, more",
    [
        ("train", []),
        ("test", []),
        ("compare", []),
        ("balance", []),
        ("predict", ["a.pth", "a.png"]),
    ],
)
def test_a_missing_config(tool, name, more):
    assert tool(name, "gone.py", *more).error == "there is no config 'gone.py'"


def test_a_missing_head_config(tool, tiny):
    run = tool("test", tiny.config, options=["model.head=gone.py"])
    assert run.error == "head: there is no config 'gone.py'"


@pytest.mark.parametrize("name, part", [("train", "train"), ("test", "test")])
def test_a_pipeline_that_already_normalises(tool, tiny, tmp_path, name, part):
    path = tmp_path / "normalised.py"
    path.write_text(
        f"_base_ = {tiny.config!r}\n"
        f"{part}_dataloader = dict(dataset=dict(pipeline=[\n"
        "    dict(type='mmdenoise.LoadImage'),\n"
        "    dict(type='LoadAnnotations'),\n"
        "    dict(type='Normalize', mean=[120] * 3, std=[60] * 3),\n"
        "    dict(type='PackSegInputs')]))\n"
    )
    assert "the pipeline already normalises" in tool(name, path).error


@pytest.mark.parametrize(
    "config, message",
    [
        ("denoise/multiscale_sigma60.py", "'data/denoising/cbsd68'; download BSDS500"),
        ("demo/head.py", "mmdenoise data shapes work_dirs/demo/data"),
    ],
)
def test_missing_data_says_how_to_get_it(tool, config, message):
    assert message in tool("test", ROOT / "configs" / config).error


def test_missing_voc_says_how_to_get_it(tool, tiny):
    options = [
        f"model.head={tiny.head}",
        f"model.head_checkpoint={tiny.head_checkpoint}",
        "model.denoiser_checkpoint=None",
    ]
    config = ROOT / "configs" / "cascade_own_segmentor_sigma60.py"
    for name in ("train", "test"):
        found = tool(name, config, options=options).error
        assert "there is no 'data/VOCdevkit/VOC2012'; download VOCtrainval" in found


def test_missing_voc_is_said_before_missing_checkpoints(tool):
    """In a fresh clone; the head's training needs the same data."""
    config = ROOT / "configs" / "cascade_deeplab_sigma60.py"
    voc = "data/VOCdevkit/VOC2012"
    message = tool("train", str(config)).error
    assert f"there is no {voc!r}" in message and "download" in message
    for name in ("JPEGImages", "SegmentationClass", "ImageSets/Segmentation"):
        Path(voc, name).mkdir(parents=True)
    for name in ("train", "val"):
        Path(voc, "ImageSets/Segmentation", f"{name}.txt").touch()
    # The second of the two sets that are joined.
    message = tool("train", str(config)).error
    assert f"there is no '{voc}/SegmentationClassAug'" in message
