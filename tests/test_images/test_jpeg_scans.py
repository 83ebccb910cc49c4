"""JPEGs that are whole, and JPEGs that were cut and closed again."""

import io

import numpy as np
import pytest
import tifffile
from PIL import Image

from mmdenoise.images import read_image

KINDS = {
    "baseline": {},
    "4:4:4": dict(subsampling=0),
    "progressive": dict(progressive=True),
    "optimised": dict(optimize=True),
    "restarts": dict(restart_marker_rows=1),
}


def encoded(pixels, **options):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=90, **options)
    return file.getvalue()


def photo(shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


@pytest.mark.parametrize("shape", [(70, 90, 3), (64, 64), (9, 200, 3), (1, 1)])
@pytest.mark.parametrize("kind", KINDS)
def test_a_whole_one_is_read(tmp_path, kind, shape):
    path = tmp_path / "whole.jpg"
    path.write_bytes(encoded(photo(shape), **KINDS[kind]))
    with Image.open(path) as image:
        expected = np.asarray(image)
    assert np.array_equal(read_image(str(path)).pixels, expected)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_grey_in_itself_is_read(tmp_path, kind):
    """Mid-grey, which is what a decoder fills missing blocks with, at the end."""
    pixels = photo((64, 80, 3))
    pixels[24:] = 128
    path = tmp_path / "grey.jpg"
    path.write_bytes(encoded(pixels, **KINDS[kind]))
    assert (read_image(str(path)).pixels[-8:] == 128).all()


@pytest.mark.parametrize("kept", [0.3, 0.5, 0.8, 0.97])
@pytest.mark.parametrize("shape", [(70, 90, 3), (64, 64)])
@pytest.mark.parametrize("kind", KINDS)
def test_a_cut_one_with_an_end_marker_is_refused(tmp_path, kind, shape, kept):
    whole = encoded(photo(shape), **KINDS[kind])
    path = tmp_path / "cut.jpg"
    path.write_bytes(whole[: int(len(whole) * kept)] + b"\xff\xd9")
    with pytest.raises(ValueError, match=r"cut\.jpg'"):
        read_image(str(path))


def test_what_stands_behind_the_image_does_not_count(tmp_path):
    whole = encoded(photo((40, 40, 3)))
    path = tmp_path / "two.jpg"
    path.write_bytes(whole + b"\xff\xda trailer \xff\xd9")
    assert read_image(str(path)).pixels.shape == (40, 40, 3)


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_cut_strip_of_a_tiff_is_refused(tmp_path, mode):
    path = tmp_path / "strip.tif"
    shape = (70, 90, 3) if mode == "RGB" else (70, 90)
    Image.fromarray(photo(shape)).save(path, compression="jpeg")
    assert read_image(str(path)).pixels.shape == shape
    with tifffile.TiffFile(path) as tiff:
        start, size = tiff.pages[0].dataoffsets[-1], tiff.pages[0].databytecounts[-1]
    content = bytearray(path.read_bytes())
    # An end marker in the middle of the data; what follows is not looked at.
    middle = start + size - size // 3
    content[middle : middle + 2] = b"\xff\xd9"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"strip\.tif'.* truncated"):
        read_image(str(path))


def test_a_thumbnail_in_the_header_does_not_end_it(tmp_path):
    exif = Image.Exif()
    exif[0x010E] = "\xff\xd9".encode("latin-1").decode("latin-1") * 4
    whole = encoded(photo((40, 40, 3)), exif=exif.tobytes() + b"\xff\xd9\xff\xda")
    path = tmp_path / "exif.jpg"
    path.write_bytes(whole[: len(whole) // 2] + b"\xff\xd9")
    with pytest.raises(ValueError, match="truncated"):
        read_image(str(path))
