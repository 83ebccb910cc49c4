"""TIFF files of any layout: as tifffile, Pillow and OpenCV read them, or refused."""

import itertools
import struct

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from mmdenoise.images import (
    ALPHA,
    OTHER,
    PREMULTIPLIED,
    Picture,
    read_image,
    write_image,
)

HEIGHT, WIDTH = 37, 53
CHANNELS = {1: (), 2: (ALPHA,), 3: (), 4: (ALPHA,), 5: (ALPHA, OTHER)}
NAMES = {ALPHA: "unassalpha", OTHER: "unspecified", PREMULTIPLIED: "assocalpha"}


def ramp(channels, dtype):
    """Different in every channel and direction, so that any mix-up shows."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    planes = [x / WIDTH, y / HEIGHT, (x + y) / 90, 1 - x / WIDTH, 1 - y / HEIGHT]
    image = np.stack(planes[:channels], -1)
    if np.dtype(dtype).kind == "u":
        image = image * np.iinfo(dtype).max
    image = image.astype(dtype)
    return image[..., 0] if channels == 1 else image


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float16", "float32", "float64"])
@pytest.mark.parametrize("channels", CHANNELS)
def test_layouts(tmp_path, dtype, channels, compression):
    """Planes or pixels, strips or tiles, byte order, orientation, predictor."""
    image, path = ramp(channels, dtype), str(tmp_path / "image.tif")
    extras = CHANNELS[channels]
    tried = 0
    for layout, tile, order, orientation, predicted in itertools.product(
        ("contig", "separate"), (None, (16, 32)), "<>", (1, 2, 5, 8), (False, True)
    ):
        if predicted and (compression is None or dtype.startswith("float")):
            continue
        planes = layout == "separate" and channels > 1
        tifffile.imwrite(
            path,
            np.moveaxis(image, -1, 0) if planes else image,
            photometric="rgb" if channels >= 3 else "minisblack",
            planarconfig=layout if channels > 1 else None,
            extrasamples=[NAMES[extra] for extra in extras] or None,
            tile=tile,
            rowsperstrip=None if tile else 8,
            byteorder=order,
            compression=compression,
            predictor=predicted,
            metadata=None,
            extratags=[(274, "H", 1, orientation, True)],
        )
        found = read_image(path)
        expected = image
        if orientation == 5:
            expected = image.swapaxes(0, 1)
        elif orientation == 8:  # the first row is the left side, upwards
            expected = image.swapaxes(0, 1)[::-1]
        elif orientation == 2:
            expected = image[:, ::-1]
        assert found.pixels.dtype == image.dtype and found.extras == extras
        np.testing.assert_array_equal(found.pixels, expected)
        tried += 1
    assert tried in (32, 64)


PILLOW = [
    *itertools.product(
        ("tiff_lzw", "packbits", "tiff_adobe_deflate", "raw"),
        ("L", "RGB", "RGBA", "LA", "P", "1", "I;16", "F"),
    ),
    ("tiff_jpeg", "L"),
    ("tiff_jpeg", "RGB"),
    ("group4", "1"),
    ("group3", "1"),
]


@pytest.mark.parametrize("orientation", [1, 3, 6])
@pytest.mark.parametrize("compression, mode", PILLOW)
def test_what_pillow_writes(tmp_path, compression, mode, orientation):
    path = str(tmp_path / "image.tif")
    if mode == "I;16":
        image = Image.fromarray(ramp(1, "uint16"))
    elif mode == "F":
        image = Image.fromarray(ramp(1, "float32"))
    else:
        kind = {"LA": 2, "RGBA": 4, "L": 1, "1": 1}.get(mode, 3)
        image = Image.fromarray(ramp(kind, "uint8")).convert(mode)
    image.save(path, compression=compression, tiffinfo={274: orientation})
    other = {"P": "RGB", "1": "L"}.get(mode)
    expected = np.asarray(image.convert(other) if other else image)
    expected = np.rot90(expected, {1: 0, 3: 2, 6: -1}[orientation])
    lossy = compression == "tiff_jpeg"
    np.testing.assert_allclose(read_image(path).pixels, expected, atol=8 * lossy)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_what_opencv_writes(tmp_path, channels):
    """LZW of 16 bits, which tifffile decodes with imagecodecs alone."""
    image, path = ramp(channels, "uint16"), str(tmp_path / "image.tif")
    stored = image if channels == 1 else image[..., [2, 1, 0, 3][:channels]]
    cv2.imwrite(path, stored, [cv2.IMWRITE_TIFF_COMPRESSION, 5])
    with tifffile.TiffFile(path) as file:
        assert file.pages[0].compression == 5
    np.testing.assert_array_equal(read_image(path).pixels, image)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_white_is_zero(tmp_path, dtype, compression):
    image, path = ramp(1, dtype), str(tmp_path / "image.tif")
    tifffile.imwrite(
        path, ~image, photometric="miniswhite", compression=compression, metadata=None
    )
    np.testing.assert_array_equal(read_image(path).pixels, image)
    if dtype == "uint8":
        np.testing.assert_array_equal(np.asarray(Image.open(path)), image)


@pytest.mark.parametrize("extra", [ALPHA, PREMULTIPLIED, OTHER])
def test_a_fourth_sample_stays_what_it_is(tmp_path, extra):
    image, path = ramp(4, "uint8"), str(tmp_path / "image.tif")
    tifffile.imwrite(path, image, photometric="rgb", extrasamples=[NAMES[extra]])
    for _ in ("read", "written and read"):
        found = read_image(path)
        assert found.extras == (extra,) and found.has_alpha == (extra != OTHER)
        np.testing.assert_array_equal(found.pixels, image)
        with tifffile.TiffFile(path) as file:
            assert file.pages[0].extrasamples[0].name == NAMES[extra].upper()
        write_image(path, found)
    if extra != ALPHA:
        with pytest.raises(ValueError, match="PNG does not hold .*; take TIFF"):
            write_image(str(tmp_path / "image.png"), found)


def test_samples_nobody_says_anything_of(tmp_path):
    path = str(tmp_path / "image.tif")
    for image in (ramp(5, "uint16"), ramp(2, "uint8")):
        tifffile.imwrite(path, image, photometric="minisblack", planarconfig="contig")
        with pytest.raises(ValueError, match="samples a pixel and says not what they"):
            read_image(path)


@pytest.mark.parametrize(
    "image, options, message",
    [
        (ramp(1, "uint8").astype("int16"), {}, "not of 8 or 16 bits or floats"),
        (ramp(1, "uint8").astype("uint32"), {}, "not of 8 or 16 bits or floats"),
        (ramp(1, "float32").astype("complex64"), {}, "not of 8 or 16 bits or floats"),
        (ramp(4, "uint8"), dict(photometric="separated"), "SEPARATED colours"),
        (ramp(3, "uint8"), dict(photometric="cielab"), "CIELAB colours"),
        (np.zeros((3, 8, 8), "uint8"), dict(photometric="minisblack"), "3 images"),
        (np.zeros((2, 8, 8, 3), "uint8"), dict(photometric="rgb"), "2 images"),
        (
            np.zeros((3, 8, 8), "uint16"),
            dict(imagej=True, metadata=dict(axes="ZYX")),
            "3 images",
        ),
    ],
)
def test_refused_by_name(tmp_path, image, options, message):
    path = str(tmp_path / "image.tif")
    tifffile.imwrite(path, image, **options)
    with pytest.raises(ValueError, match=f"image.tif' holds .*{message}"):
        read_image(path)


def test_smaller_copies_are_no_images(tmp_path):
    path = str(tmp_path / "image.tif")
    image = ramp(3, "uint8")
    with tifffile.TiffWriter(path) as writer:
        writer.write(image, photometric="rgb", metadata=None)
        writer.write(image[::2, ::2], photometric="rgb", subfiletype=1, metadata=None)
    found = read_image(path)
    np.testing.assert_array_equal(found.pixels, image)
    assert found.notes == ["smaller copies (reduced pages)"]


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("tile", [None, (16, 16)])
def test_cut_short(tmp_path, compression, tile):
    path = tmp_path / "image.tif"
    tifffile.imwrite(
        path, ramp(3, "uint16"), photometric="rgb", tile=tile, compression=compression
    )
    whole = path.read_bytes()
    for part in (0.99, 0.7, 0.4, 0.01):
        path.write_bytes(whole[: int(part * len(whole))])
        with pytest.raises(ValueError, match="image.tif'"):
            read_image(str(path))


def test_12_bits(tmp_path):
    """What a file says of its bits is kept with it."""
    path = str(tmp_path / "image.tif")
    image = ramp(1, "uint16") >> 4
    write_image(path, Picture(image, white=4095.0))
    found = read_image(path)
    np.testing.assert_array_equal(found.pixels, image)
    assert found.white == 4095


def test_a_page_that_names_itself_as_the_next(tmp_path):
    path = tmp_path / "image.tif"
    tifffile.imwrite(path, np.zeros((8, 8), np.uint8), metadata=None)
    content = bytearray(path.read_bytes())
    first = struct.unpack_from("<I", content, 4)[0]
    count = struct.unpack_from("<H", content, first)[0]
    struct.pack_into("<I", content, first + 2 + 12 * count, first)
    path.write_bytes(content)
    with pytest.raises(ValueError, match="more than 100 images"):
        read_image(str(path))
