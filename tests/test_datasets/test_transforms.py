"""Pipeline steps: what they read, cut and pack, and which files they refuse."""

import numpy as np
import pytest
import torch
from mmengine.structures import BaseDataElement
from PIL import Image

from mmdenoise.datasets import LoadImage, PackImage, RandomPatch
from mmdenoise.registry import TRANSFORMS


@pytest.fixture
def photo(tmp_path):
    """A smooth RGB image and the paths of its PNG and JPEG files."""
    rows, columns = np.mgrid[:40, :50]
    pixels = np.stack([rows * 6, columns * 5, rows + columns], -1).astype(np.uint8)
    paths = {}
    for kind in ("png", "jpg"):
        paths[kind] = str(tmp_path / f"photo.{kind}")
        Image.fromarray(pixels).save(paths[kind], quality=95)
    return pixels, paths


def test_a_png_comes_as_bgr_without_loss(photo):
    pixels, paths = photo
    results = LoadImage()(dict(img_path=paths["png"]))
    assert np.array_equal(results["img"], pixels[..., ::-1])
    assert results["img"].dtype == np.uint8
    assert results["img_shape"] == results["ori_shape"] == (40, 50)


def test_grey_and_transparent_images_get_three_channels(tmp_path):
    for mode in ("L", "RGBA"):
        path = str(tmp_path / f"{mode}.png")
        Image.new(mode, (5, 4), 7).save(path)
        assert LoadImage()(dict(img_path=path))["img"].shape == (4, 5, 3)


@pytest.mark.parametrize("kind", ["png", "jpg"])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.8])
def test_a_truncated_image_is_named(photo, kind, share):
    path = photo[1][kind]
    data = open(path, "rb").read()
    with open(path, "wb") as file:
        file.write(data[: int(len(data) * share)])
    with pytest.raises(
        ValueError, match=f"cannot read the image '.*photo.{kind}'"
    ) as e:
        LoadImage()(dict(img_path=path))
    assert "\n" not in str(e.value)


def test_what_is_no_image_is_named(tmp_path):
    path = tmp_path / "notes.png"
    path.write_text("no image")
    with pytest.raises(ValueError, match="cannot read the image '.*notes.png'"):
        LoadImage()(dict(img_path=str(path)))


def test_a_missing_image_is_named():
    with pytest.raises(FileNotFoundError, match="there is no image 'gone.png'"):
        LoadImage()(dict(img_path="gone.png"))


def test_the_cache_reads_once(photo):
    pixels, paths = photo
    load = TRANSFORMS.build(dict(type="mmdenoise.LoadImage", cache=True))
    first = load(dict(img_path=paths["png"]))
    with open(paths["png"], "wb") as file:
        file.write(b"")
    again = load(dict(img_path=paths["png"]))
    assert np.array_equal(again["img"], first["img"])
    for key in ("img_shape", "ori_shape"):
        assert again[key] == first[key]
    with pytest.raises(ValueError, match="cannot read"):
        LoadImage()(dict(img_path=paths["png"]))


def test_patches_are_cut_everywhere(photo):
    image = photo[0]
    cut = TRANSFORMS.build(dict(type="mmdenoise.RandomPatch", size=39))
    np.random.seed(0)
    corners = set()
    for _ in range(200):
        results = cut(dict(img=image))
        patch = results["img"]
        assert patch.shape == (39, 39, 3) and results["img_shape"] == (39, 39)
        top, left = int(patch[0, 0, 0]) // 6, int(patch[0, 0, 1]) // 5
        assert np.array_equal(patch, image[top : top + 39, left : left + 39])
        corners.add((top, left))
    assert corners == {(top, left) for top in range(2) for left in range(12)}


def test_a_patch_of_the_whole_image():
    image = np.arange(48).reshape(4, 4, 3)
    assert np.array_equal(RandomPatch(4)(dict(img=image))["img"], image)


def test_an_image_too_small_for_a_patch_is_named(photo):
    with pytest.raises(ValueError, match="'small.png' is 40x50, too small .* 48x48"):
        RandomPatch(48)(dict(img=photo[0], img_path="small.png"))
    with pytest.raises(ValueError, match="patch size must be at least 1, got 0"):
        RandomPatch(0)


def test_packing(photo):
    image = photo[0][::-1]
    info = dict(img_path="a.png", ori_shape=(40, 50), flip=True, secret=3)
    packed = TRANSFORMS.build(dict(type="mmdenoise.PackImage"))(dict(img=image, **info))
    assert packed["inputs"].shape == (3, 40, 50)
    assert packed["inputs"].dtype == torch.uint8
    assert packed["inputs"].is_contiguous()
    assert np.array_equal(packed["inputs"].permute(1, 2, 0).numpy(), image)
    sample = packed["data_samples"]
    assert isinstance(sample, BaseDataElement)
    info.pop("secret")
    assert dict(sample.metainfo_items()) == info
    only = PackImage(meta_keys=("img_path",))(dict(img=image, **info))
    assert dict(only["data_samples"].metainfo_items()) == dict(img_path="a.png")


def test_a_patch_that_is_changed_leaves_the_cache_alone(photo):
    _, paths = photo
    load, pack = LoadImage(cache=True), PackImage()
    before = load(dict(img_path=paths["png"]))["img"].copy()
    packed = pack(RandomPatch(10)(load(dict(img_path=paths["png"]))))
    packed["inputs"].zero_()
    assert np.array_equal(load(dict(img_path=paths["png"]))["img"], before)
