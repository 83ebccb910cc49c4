"""ImageNet's two layouts: what is missing is named, what is there is read."""

import re

import numpy as np
import pytest
from mmengine.registry import init_default_scope
from PIL import Image

pytest.importorskip("mmpretrain")

import mmdenoise.datasets  # noqa: F401
from mmdenoise.registry import DATASETS

NAMES = {"train": ("n01.png", "n02.png", "a folder/n03.png"), "val": ("v01.png",)}
LABELS = (7, 999, 0)


@pytest.fixture
def root(tmp_path):
    """Four images, with lists."""
    root = tmp_path / "imagenet"
    (root / "meta").mkdir(parents=True)
    for split, names in NAMES.items():
        for index, name in enumerate(names):
            path = root / split / name
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (20 + index, 30), (200, 10 * index, 50)).save(path)
        lines = [f"{name} {label}\n" for name, label in zip(names, LABELS)]
        (root / "meta" / f"{split}.txt").write_text("".join(lines))
    return root


def build(root, split="train", **more):
    init_default_scope("mmpretrain")
    pipeline = [dict(type="mmdenoise.LoadImage"), dict(type="PackInputs")]
    config = dict(type="mmdenoise.ImageNetDataset", split=split, pipeline=pipeline)
    return DATASETS.build(dict(config, data_root=str(root), **more))


def test_it_reads_what_the_list_names(root):
    dataset = build(root)
    assert len(dataset) == 3 and len(build(root, "val")) == 1
    assert len(dataset.metainfo["classes"]) == 1000
    packed = [dataset[index] for index in range(3)]
    assert [int(p["data_samples"].gt_label) for p in packed] == [7, 999, 0]
    assert packed[2]["data_samples"].img_path == str(root / "train/a folder/n03.png")
    assert packed[1]["inputs"].shape == (3, 30, 21)
    # BGR, as MMCV loads.
    assert packed[1]["inputs"][:, 5, 5].tolist() == [50, 10, 200]


def test_it_reads_folders_of_classes(tmp_path):
    classes = [f"n{number:08d}" for number in range(1000)]
    for name in classes:
        (tmp_path / "val" / name).mkdir(parents=True)
    image = Image.fromarray(np.zeros((4, 4, 3), np.uint8))
    image.save(tmp_path / "val" / classes[321] / "x.png")
    dataset = build(tmp_path, "val")
    assert [int(item["data_samples"].gt_label) for item in dataset] == [321]
    (tmp_path / "val" / classes[5]).rmdir()
    with pytest.raises(FileNotFoundError, match="999 folders of classes instead of 10"):
        build(tmp_path, "val")


@pytest.mark.parametrize("missing", ["", "train"])
def test_what_is_missing_is_named_with_how_to_get_it(root, missing):
    path = root / missing
    path.rename(root.parent / "elsewhere")
    with pytest.raises(FileNotFoundError) as error:
        build(root)
    text = str(error.value)
    # Without the joining slash that an empty name would leave.
    assert f"ImageNet: there is no {str(path)!r}; download ILSVRC2012" in text
    assert "image-net.org" in text and "set data_root" in text
    assert "\n" not in text
    # As the tools ask before they build a model.
    with pytest.raises(FileNotFoundError, match=re.escape(text)):
        DATASETS.get("mmdenoise.ImageNetDataset").check_files(
            data_root=str(root), split="train", pipeline=[]
        )


def test_a_list_that_is_asked_for(root):
    with pytest.raises(FileNotFoundError, match="there is no '.*/meta/gone.txt'; down"):
        build(root, ann_file="meta/gone.txt")


def test_without_a_root_paths_are_whole(root):
    ann_file, prefix = str(root / "meta" / "train.txt"), str(root / "train")
    assert len(build("", split="", data_prefix=prefix, ann_file=ann_file)) == 3
    prefix = dict(img_path=prefix)
    assert len(build("", split="", data_prefix=prefix, ann_file=ann_file)) == 3
    prefix = dict(img_path=str(root / "gone"))
    with pytest.raises(FileNotFoundError, match="there is no '.*/gone'"):
        build("", split="", data_prefix=prefix, ann_file=ann_file)


def test_flat_images_without_a_list(root):
    """MMPretrain takes a missing list for folders of classes, and finds none."""
    (root / "meta" / "val.txt").unlink()
    with pytest.raises(FileNotFoundError) as error:
        build(root, "val")
    text = str(error.value)
    assert f"{str(root / 'val')!r} holds 0 folders of classes instead of 1000" in text
    assert "there is no list of labels; download ILSVRC2012" in text
    assert "meta/val.txt" in text and "\n" not in text


@pytest.mark.parametrize("line", ["n02.png", "n02.png 1000", "n02.png -1", "n02.png x"])
def test_a_bad_line_is_named(root, line):
    """1000 is a label of the development kit's, which count from 1."""
    path = root / "meta" / "train.txt"
    path.write_text(f"n01.png 3\n{line}\n")
    with pytest.raises(ValueError) as error:
        build(root)
    assert f"train.txt', line 2: {line!r} is not a name and a label from 0 to 999" in (
        str(error.value)
    )


def test_an_empty_list(root):
    (root / "meta" / "train.txt").write_text("")
    with pytest.raises(ValueError, match="the data list '.*/meta/train.txt' is empty"):
        build(root)


def test_the_test_split_has_no_labels(root):
    (root / "test").mkdir()
    Image.new("RGB", (8, 8)).save(root / "test" / "x.png")
    dataset = build(root, "test")
    assert len(dataset) == 1 and "gt_label" not in dataset[0]["data_samples"]
