"""Pascal VOC's layout: what is missing is named, what is there is read."""

import numpy as np
import pytest
from mmengine.registry import init_default_scope
from PIL import Image

from mmdenoise.registry import DATASETS

PREFIX = dict(img_path="JPEGImages", seg_map_path="SegmentationClass")
LIST = "ImageSets/Segmentation/val.txt"


@pytest.fixture
def voc(tmp_path):
    """Three images, two of them in the list, of a few flat colours."""
    root = tmp_path / "VOC2012"
    for name in (*PREFIX.values(), "ImageSets/Segmentation"):
        (root / name).mkdir(parents=True)
    for index, name in enumerate(("2007_000033", "2007_000042", "2007_000061")):
        size = (30 + index, 20 + index)
        Image.new("RGB", size, (200, 10 * index, 50)).save(
            root / "JPEGImages" / f"{name}.jpg", quality=95
        )
        mask = np.full(size[::-1], index, np.uint8)
        mask[0] = 255
        Image.fromarray(mask).save(root / "SegmentationClass" / f"{name}.png")
    (root / LIST).write_text("2007_000042\n2007_000061\n")
    return root


def build(root, **more):
    init_default_scope("mmseg")
    config = dict(
        type="mmdenoise.VOCDataset",
        data_root=str(root),
        data_prefix=dict(PREFIX),
        ann_file=LIST,
        pipeline=[dict(type="mmdenoise.LoadImage"), dict(type="LoadAnnotations")],
    )
    return DATASETS.build(dict(config, **more))


def test_it_reads_what_the_list_names(voc):
    dataset = build(voc)
    assert len(dataset) == 2
    assert len(dataset.metainfo["classes"]) == 21
    second = dataset[1]
    assert second["img_path"] == str(voc / "JPEGImages" / "2007_000061.jpg")
    assert second["img"].shape == (22, 32, 3)
    # BGR, of a picture in JPEG.
    assert np.abs(second["img"].astype(int) - [50, 20, 200]).max() <= 3
    assert (second["gt_seg_map"][1:] == 2).all()
    assert (second["gt_seg_map"][0] == 255).all(), "borders stay ignored"


def test_through_packing(voc):
    dataset = build(
        voc,
        pipeline=[
            dict(type="mmdenoise.LoadImage"),
            dict(type="LoadAnnotations"),
            dict(type="PackSegInputs"),
        ],
    )
    packed = dataset[0]
    assert packed["inputs"].shape == (3, 21, 31)
    assert packed["data_samples"].gt_sem_seg.data.shape == (1, 21, 31)


@pytest.mark.parametrize(
    "missing", ["", "JPEGImages", "SegmentationClass", "ImageSets/Segmentation/val.txt"]
)
def test_what_is_missing_is_named_with_how_to_get_it(voc, missing):
    path = voc / missing
    path.rename(voc.parent / "elsewhere")
    with pytest.raises(FileNotFoundError) as error:
        build(voc)
    text = str(error.value)
    # Without the joining slash that an empty name would leave.
    assert f"VOC: there is no {str(path)!r}; download VOCtrainval_11-May-2012" in text
    assert "set data_root" in text
    assert "\n" not in text


@pytest.mark.parametrize("text", ["", " \n\n"])
def test_an_empty_list_is_named(voc, text):
    (voc / LIST).write_text(text)
    with pytest.raises(ValueError) as error:
        build(voc)
    assert str(error.value) == (
        f"the data list {str(voc / LIST)!r} is empty: it should name an image a line"
    )


def test_the_augmented_masks_need_a_word_more(voc):
    with pytest.raises(FileNotFoundError, match="'.*SegmentationClassAug'.*voc_aug.py"):
        build(voc, data_prefix=dict(PREFIX, seg_map_path="SegmentationClassAug"))


def test_without_a_root_paths_are_whole(voc):
    prefix = {key: str(voc / name) for key, name in PREFIX.items()}
    dataset = build("", data_prefix=prefix, ann_file=str(voc / LIST))
    assert len(dataset) == 2
    with pytest.raises(FileNotFoundError, match="there is no '.*/gone.txt'"):
        build("", data_prefix=prefix, ann_file=str(voc / "gone.txt"))
