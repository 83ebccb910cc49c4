"""A folder of clean images."""

import pytest
from PIL import Image

from mmdenoise.datasets import CleanImageDataset
from mmdenoise.registry import DATASETS

NAMES = ["b.png", "A.JPG", "deeper/c.bmp", "deeper/still/d.jpeg", "e.webp"]


@pytest.fixture
def folder(tmp_path):
    for index, name in enumerate(NAMES):
        path = tmp_path / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (20 + index, 30), (index, 2, 3)).save(path)
    (tmp_path / "images" / "readme.txt").write_text("not an image")
    return tmp_path / "images"


def build(folder, **kwargs):
    return DATASETS.build(
        dict(type="mmdenoise.CleanImageDataset", data_root=str(folder), **kwargs)
    )


def test_all_images_in_the_order_of_their_names(folder):
    dataset = build(folder)
    paths = [dataset.get_data_info(i)["img_path"] for i in range(len(dataset))]
    assert paths == [str(folder / name) for name in sorted(NAMES)]
    assert dataset.metainfo["dataset_type"] == "clean_images"


def test_the_first_ones(folder):
    dataset = build(folder, first=2)
    assert len(dataset) == 2
    assert dataset.get_data_info(1)["img_path"] == str(folder / sorted(NAMES)[1])


@pytest.mark.parametrize("first", [0, -1])
def test_none_of_them_is_an_error(folder, first):
    with pytest.raises(ValueError, match=f"first must be at least 1, got {first}"):
        build(folder, first=first)


def test_through_a_pipeline(folder):
    pipeline = [
        dict(type="mmdenoise.LoadImage"),
        dict(type="mmdenoise.RandomPatch", size=16),
        dict(type="mmdenoise.PackImage"),
    ]
    dataset = build(folder, pipeline=pipeline)
    packed = dataset[1]
    assert packed["inputs"].shape == (3, 16, 16)
    # BGR, of the one image that is b.png.
    assert packed["inputs"][:, 0, 0].tolist() == [3, 2, 0]
    assert packed["data_samples"].img_path.endswith("b.png")


def test_a_missing_folder_says_how_to_get_the_data(tmp_path):
    with pytest.raises(
        FileNotFoundError, match="no image folder '.*gone'; any folder of clean images"
    ) as error:
        build(tmp_path / "gone")
    assert "\n" not in str(error.value)
    with pytest.raises(FileNotFoundError, match="gone'; fetch it from there"):
        build(tmp_path / "gone", how_to_get="fetch it from there")


def test_a_folder_without_images(tmp_path):
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(FileNotFoundError, match=r"no image \(.png, .*\) in '.*'; any"):
        CleanImageDataset(data_root=str(tmp_path))
