"""Files that the hosts' steps fail on are named, whatever their errors say."""

import os

import pytest

from mmdenoise.datasets import TexturedShapesDataset
from mmdenoise.datasets.textured_shapes import make_voc_dataset
from mmdenoise.engine.unnamed_file import explain_unnamed_file


@pytest.fixture
def dataset(tmp_path):
    root = make_voc_dataset(tmp_path / "data", train=1, val=1, size=48)
    pipeline = [
        dict(type="mmseg.LoadImageFromFile"),
        dict(type="mmseg.LoadAnnotations"),
    ]
    return TexturedShapesDataset(data_root=str(root), pipeline=pipeline)


def failure(dataset):
    with pytest.raises(Exception) as error:  # noqa: B017, PT011 - any of the hosts'
        dataset[0]
    return explain_unnamed_file(error.value)


def test_a_damaged_mask(dataset):
    path = dataset.get_data_info(0)["seg_map_path"]
    with open(path, "rb") as file:
        whole = file.read()
    for content, reason in (
        (b"", "it is no image"),
        (b"hello", "it is no image"),
        (whole[: len(whole) // 2], ""),
        (whole[:-30], ""),
    ):
        with open(path, "wb") as file:
            file.write(content)
        assert failure(dataset).startswith(f"cannot read the mask {path!r}: {reason}")


def test_what_names_its_file_or_has_none_is_left(dataset):
    os.remove(dataset.get_data_info(0)["seg_map_path"])
    assert failure(dataset) is None
    assert explain_unnamed_file(ValueError("sigma")) is None
