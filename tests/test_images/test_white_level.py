"""12 bits in 16: found, stated or asked for, and never taken for a dark image."""

import numpy as np
import pytest
import tifffile

from mmdenoise.images import Picture, guessed_white, read_image, white_of


def wide(most):
    return np.array([[0, most // 3, most]], np.uint16)


@pytest.mark.parametrize(
    "most, white",
    [(0, 255), (255, 255), (256, 1023), (1023, 1023), (3900, 4095), (4095, 4095)]
    + [(4096, 16383), (16383, 16383), (16384, None), (65535, None)],
)
def test_the_fewest_common_bits(most, white):
    assert guessed_white(wide(most)) == white
    level, line = white_of(Picture(wide(most)))
    assert level == (white or 65535)
    if white is None:
        assert line is None
    else:
        assert f"no value is above {most}: white is taken to be {white}" in line
        assert "--white-level 65535" in line


def test_what_the_user_says_counts():
    assert white_of(Picture(wide(3900)), 65535) == (65535, None)
    assert white_of(Picture(wide(3900)), 4000) == (4000, None)
    with pytest.raises(ValueError, match="up to 3900 .* the white level 3000 does not"):
        white_of(Picture(wide(3900)), 3000)
    for bad in (0, -1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="must be finite and above 0"):
            white_of(Picture(wide(3900)), bad)
    assert white_of(Picture(wide(100).astype(np.uint8))) == (255, None)


@pytest.mark.parametrize(
    "options",
    [
        dict(metadata=None, extratags=[(281, "H", 1, 4095, True)]),
        dict(ome=True, metadata=dict(SignificantBits=12)),
    ],
)
def test_what_the_file_says_counts(tmp_path, options):
    path = str(tmp_path / "image.ome.tif")
    tifffile.imwrite(path, np.tile(wide(900), (4, 4)), **options)
    picture = read_image(path)
    assert picture.white == 4095
    assert white_of(picture) == (4095, "white is 4095, as the file says")
    picture.pixels = wide(5000)  # it says wrong
    assert white_of(picture)[0] == 16383


def test_alpha_does_not_count():
    pixels = np.zeros((2, 2, 4), np.uint16)
    pixels[..., 3] = 65535
    pixels[0, 0, 0] = 4000
    assert white_of(Picture(pixels))[0] == 4095


def test_floats():
    noisy = np.random.default_rng(0).normal(0.5, 1, (50, 50)).astype(np.float32)
    assert white_of(Picture(noisy)) == (1, None)
    assert white_of(Picture(noisy * 255), 255) == (255, None)
    with pytest.raises(
        ValueError, match=r"mean 12\d\.\d* where white is 1: give --white"
    ):
        white_of(Picture(noisy * 255))
    with pytest.raises(ValueError, match="mean 3 where white is 1"):
        white_of(Picture(np.full((4, 4), 3.0)))
