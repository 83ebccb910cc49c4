"""Pipeline steps: what they read, cut and pack, and which files they refuse."""

import cv2
import numpy as np
import pytest
import tifffile
import torch
from mmcv.transforms import LoadImageFromFile
from mmengine.structures import BaseDataElement
from PIL import Image

from mmdenoise.datasets import LoadImage, PackImage, RandomPatch, transforms
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


def written(folder, mode, kind, **options):
    """A file of some mode, from a picture with all values in it."""
    pixels = np.random.default_rng(0).integers(0, 256, (6, 7, 3), dtype=np.uint8)
    image = Image.fromarray(pixels)
    image = image.quantize(16) if mode == "P" else image.convert(mode)
    path = str(folder / f"{mode}.{kind}")
    image.save(path, **options)
    return path, np.asarray(image.convert("RGB"))


def written_wide(folder, channels, kind):
    """A file of 16 bits a value."""
    shape = (6, 7) if channels == 1 else (6, 7, channels)
    pixels = np.random.default_rng(0).integers(0, 65536, shape, dtype=np.uint16)
    path = str(folder / f"wide{channels}.{kind}")
    assert cv2.imwrite(path, pixels)
    return path


@pytest.mark.parametrize("kind", ["png", "bmp", "tif", "ppm"])
def test_8_bit_rgb_passes_in_every_format(tmp_path, kind):
    path, pixels = written(tmp_path, "RGB", kind)
    assert np.array_equal(LoadImage()(dict(img_path=path))["img"], pixels[..., ::-1])


@pytest.mark.parametrize("kind", ["png", "gif", "bmp"])
def test_a_palette_of_rgb_passes(tmp_path, kind):
    path, pixels = written(tmp_path, "P", kind)
    assert np.array_equal(LoadImage()(dict(img_path=path))["img"], pixels[..., ::-1])


@pytest.mark.parametrize("kind", ["png", "jpg", "tif", "bmp", "webp"])
def test_grey_gets_three_equal_channels(tmp_path, kind):
    """As MMCV's loader gives it: no pixel is another."""
    path, _ = written(tmp_path, "L", kind)
    found = LoadImage()(dict(img_path=path))["img"]
    expected = np.asarray(Image.open(path).convert("RGB"))
    assert np.array_equal(found, expected) and found.dtype == np.uint8


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photo_is_turned_as_mmcv_turns_it(photo, tmp_path, orientation):
    path, exif = str(tmp_path / "turned.jpg"), Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(photo[0]).save(path, exif=exif)
    expected = LoadImageFromFile(imdecode_backend="pillow")(dict(img_path=path))
    found = LoadImage()(dict(img_path=path))
    assert np.array_equal(found["img"], expected["img"])


@pytest.mark.parametrize(
    "mode, kind, options, fault",
    [
        ("LA", "png", {}, "has transparent pixels"),
        ("RGBA", "png", {}, "has transparent pixels"),
        ("RGBA", "tif", {}, "has transparent pixels"),
        ("P", "png", dict(transparency=3), "has transparent pixels"),
        ("CMYK", "jpg", {}, "holds CMYK colours: convert it to RGB"),
        ("LAB", "tif", {}, "holds CIELAB colours: convert it to RGB"),
        ("I", "tif", {}, "holds values that are not of 8 or 16 bits or floats"),
    ],
)
def test_other_kinds_of_images_are_refused_by_name(
    tmp_path, mode, kind, options, fault
):
    path, _ = written(tmp_path, mode, kind, **options)
    if mode in ("LA", "RGBA"):
        image = Image.open(path)
        image.putalpha(Image.fromarray(np.full((6, 7), 200, np.uint8)))
        image.save(path)
    for load in (LoadImage(), LoadImage(cache=True, imdecode_backend="cv2")):
        with pytest.raises(ValueError) as error:
            load(dict(img_path=path))
        assert str(error.value).startswith(f"the image {path!r} {fault}")


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_alpha_that_hides_nothing_is_left_out(tmp_path, mode):
    path, pixels = written(tmp_path, mode, "png")
    found = LoadImage()(dict(img_path=path))["img"]
    assert np.array_equal(found, pixels[..., ::-1])


@pytest.mark.parametrize(
    "mode, kind", [("L", "png"), ("CMYK", "tif"), ("CMYK", "jpg"), ("RGBA", "png")]
)
def test_a_mode_that_is_to_be_converted_is(tmp_path, mode, kind):
    path, _ = written(tmp_path, mode, kind)
    expected = np.asarray(Image.open(path).convert("RGB"))
    found = LoadImage(convert=(mode,))(dict(img_path=path))["img"]
    assert np.array_equal(found, expected[..., ::-1])


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("kind", ["png", "tif"])
def test_16_bits_come_whole(tmp_path, kind, channels):
    """Pillow itself opens three channels of them as 8-bit RGB, and says nothing."""
    path = written_wide(tmp_path, channels, kind)
    wide = cv2.imread(path, cv2.IMREAD_UNCHANGED)
    wide = np.repeat(wide[..., None], 3, axis=2) if channels == 1 else wide
    found = LoadImage()(dict(img_path=path))["img"]
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, wide / 257, atol=1e-4)
    packed = PackImage()(dict(img=found))
    assert packed["inputs"].dtype == torch.float32


def test_12_bits_are_no_dark_image(tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(transforms, "print_log", lambda text, *_: said.append(text))
    path = str(tmp_path / "twelve.tif")
    values = np.arange(4096, dtype=np.uint16).reshape(64, 64)
    tifffile.imwrite(path, values)
    found = LoadImage()(dict(img_path=path))["img"]
    np.testing.assert_allclose(found[..., 1], values / 4095 * 255, atol=1e-4)
    assert "white is taken to be 4095" in said[0]


def test_floats_of_0_to_1_come_as_0_to_255(tmp_path):
    path = str(tmp_path / "floats.tif")
    values = np.random.default_rng(0).random((6, 7, 3), np.float32)
    tifffile.imwrite(path, values, photometric="rgb")
    found = LoadImage()(dict(img_path=path))["img"]
    np.testing.assert_allclose(found, values[..., ::-1] * 255, atol=1e-4)
    tifffile.imwrite(path, values * 255, photometric="rgb")
    with pytest.raises(ValueError, match="floats.tif' holds floats of mean"):
        LoadImage()(dict(img_path=path))


def test_mmcv_would_have_changed_them(tmp_path):
    """The reason for refusing; if this fails, MMCV has learnt to say so."""
    path = written_wide(tmp_path, 3, "png")
    wide = cv2.imread(path, cv2.IMREAD_UNCHANGED)
    for backend in ("pillow", "cv2"):
        loaded = LoadImageFromFile(imdecode_backend=backend)(dict(img_path=path))["img"]
        assert loaded.dtype == np.uint8
        assert np.abs(wide / 257 - loaded).max() > 0.4


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


def test_what_is_not_whole_can_be_left_out(photo, tmp_path):
    load = LoadImage(ignore_empty=True)
    assert load(dict(img_path="gone.png")) is None
    data = open(photo[1]["png"], "rb").read()
    (tmp_path / "half.png").write_bytes(data[: len(data) // 2])
    assert load(dict(img_path=str(tmp_path / "half.png"))) is None
    assert load(dict(img_path=photo[1]["png"]))["img"].shape == (40, 50, 3)
    # It is whole, and the wrong kind: for the user to decide.
    path, _ = written(tmp_path, "CMYK", "jpg")
    with pytest.raises(ValueError, match="holds CMYK colours"):
        load(dict(img_path=path))


def test_floats(photo):
    pixels, paths = photo
    image = LoadImage(to_float32=True)(dict(img_path=paths["png"]))["img"]
    assert image.dtype == np.float32 and np.array_equal(image, pixels[..., ::-1])


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


@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 1), (4, 5, 4)])
def test_packing_names_what_has_not_3_channels(shape):
    with pytest.raises(ValueError) as error:
        PackImage()(dict(img=np.zeros(shape, np.uint8), img_path="a.png"))
    assert f"'a.png' is {shape} instead of (H, W, 3)" in str(error.value)


@pytest.mark.parametrize("kind", [np.uint16, np.int32, bool])
def test_packing_names_what_has_not_8_bits(kind):
    with pytest.raises(ValueError, match="'a.png' is of type .*: load it as an image"):
        PackImage()(dict(img=np.zeros((4, 5, 3), kind), img_path="a.png"))
    packed = PackImage()(dict(img=np.ones((4, 5, 3), np.float32)))
    assert packed["inputs"].dtype == torch.float32


def test_a_patch_that_is_changed_leaves_the_cache_alone(photo):
    _, paths = photo
    load, pack = LoadImage(cache=True), PackImage()
    before = load(dict(img_path=paths["png"]))["img"].copy()
    packed = pack(RandomPatch(10)(load(dict(img_path=paths["png"]))))
    packed["inputs"].zero_()
    assert np.array_equal(load(dict(img_path=paths["png"]))["img"], before)
