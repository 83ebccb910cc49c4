"""Files read and written: every bit, profile, orientation; and what is refused."""

import struct
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms, ImageOps

from mmdenoise.images import (
    Metadata,
    Picture,
    UnreadableError,
    image_size,
    read_image,
    write_image,
)

ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
SHAPES = [(19, 23), (19, 23, 2), (19, 23, 3), (19, 23, 4)]


def pixels(shape, dtype=np.uint8):
    high = np.iinfo(dtype).max + 1
    return np.random.default_rng(0).integers(0, high, shape, dtype=dtype)


def exif(orientation):
    tags = Image.Exif()
    tags[0x0112] = orientation
    tags[0x010F] = "a maker"
    return tags.tobytes()


@pytest.mark.parametrize("ending", ["png", "tif", "TIFF"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("shape", SHAPES)
def test_what_is_lossless_comes_back(tmp_path, ending, dtype, shape):
    path = str(tmp_path / f"image.{ending}")
    given = pixels(shape, dtype)
    write_image(path, Picture(given, None, Metadata(icc=ICC, dpi=(300, 300))))
    found = read_image(path)
    expected = given
    if shape[2:] == (2,) and ending == "png":
        expected = given[..., [0, 0, 0, 1]]
    assert found.pixels.dtype == dtype
    np.testing.assert_array_equal(found.pixels, expected)
    assert found.metadata.icc == ICC
    assert found.metadata.dpi == pytest.approx((300, 300), abs=0.1)
    assert image_size(path) == (19, 23)
    assert [entry.name for entry in tmp_path.iterdir()] == [f"image.{ending}"]


def test_jpeg_is_near(tmp_path):
    path = str(tmp_path / "image.jpg")
    ramp = np.linspace(0, 255, 64).astype(np.uint8)
    given = np.stack(np.broadcast_arrays(ramp, ramp[:, None], ramp[::-1]), -1)
    write_image(path, Picture(given, None, Metadata(exif(6), ICC, dpi=(300, 300))))
    found = read_image(path)
    assert abs(found.pixels.astype(int) - given).max() <= 4
    told = found.metadata
    assert (told.exif, told.icc, told.dpi) == (exif(6), ICC, (300, 300))
    for wrong, message in [
        (pixels(SHAPES[3]), "JPEG does not hold an alpha channel"),
        (pixels(SHAPES[2], np.uint16), "JPEG does not hold 16 bits a value"),
    ]:
        with pytest.raises(ValueError, match=message):
            write_image(path, Picture(wrong))
    np.testing.assert_array_equal(read_image(path).pixels, found.pixels)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_orientation_looks_the_same(tmp_path, orientation, dtype):
    """What a viewer shows: Pillow's own turning is the reference."""
    given = pixels((19, 23, 3), dtype)
    image = Image.fromarray((given >> 8 if dtype == np.uint16 else given).astype("u1"))
    image.getexif()[0x0112] = orientation
    shown = np.asarray(ImageOps.exif_transpose(image))
    for ending in ("png", "tif"):
        path = str(tmp_path / f"image.{ending}")
        write_image(path, Picture(given, None, Metadata(exif(orientation))))
        with Image.open(path) as written:
            turned = np.asarray(ImageOps.exif_transpose(written))
        np.testing.assert_array_equal(turned, shown)
    # A TIFF that says how it is to be turned comes back turned, and says it no more.
    path = str(tmp_path / "turned.tif")
    tag = [(0x0112, "H", 1, orientation, True)]
    tifffile.imwrite(path, given, photometric="rgb", extratags=tag)
    found = read_image(path)
    high = found.pixels >> 8 if dtype == np.uint16 else found.pixels
    np.testing.assert_array_equal(high, shown)
    assert found.metadata.exif is None


def test_what_pillow_converts(tmp_path):
    colours = pixels((19, 23, 3)) // 64 * 64
    path = str(tmp_path / "image.png")
    palette = Image.fromarray(colours).quantize(64)
    palette.save(path)
    rgb = np.asarray(palette.convert("RGB"))
    np.testing.assert_array_equal(read_image(path).pixels, rgb)
    palette.save(path, transparency=3)
    found = read_image(path).pixels
    np.testing.assert_array_equal(found[..., :3], rgb)
    np.testing.assert_array_equal(found[..., 3] == 0, np.asarray(palette) == 3)
    Image.fromarray(colours[..., 0] > 100).save(path)
    np.testing.assert_array_equal(
        read_image(path).pixels, (colours[..., 0] > 100) * np.uint8(255)
    )
    Image.fromarray(colours[..., 0]).save(path, transparency=64)
    found = read_image(path).pixels
    np.testing.assert_array_equal(found[..., 1] == 0, colours[..., 0] == 64)


@pytest.mark.parametrize(
    "ending, dtype",
    [
        ("png", np.uint8),
        ("jpg", np.uint8),
        ("tif", np.uint8),
        ("png", np.uint16),
        ("tif", np.uint16),
    ],
)
@pytest.mark.parametrize("shape", [(64, 64), (64, 64, 3)])
def test_truncated_files(tmp_path, ending, dtype, shape):
    path = tmp_path / f"image.{ending}"
    write_image(str(path), Picture(pixels(shape, dtype)))
    whole = path.read_bytes()
    for part in (0.97, 0.5, 0.1):
        path.write_bytes(whole[: int(part * len(whole))])
        with pytest.raises(ValueError, match=f"image.{ending}'"):
            read_image(str(path))


@pytest.mark.parametrize("ending", ["png", "jpg", "tif", "webp", "bmp", "ppm"])
def test_damaged_files_are_read_or_refused(tmp_path, ending):
    """Nothing but a picture or one line, whatever bytes are changed in the head."""
    path, rng = tmp_path / f"image.{ending}", np.random.default_rng(0)
    write_image(str(path), Picture(pixels((24, 30, 3))))
    whole = path.read_bytes()
    for _ in range(60):
        damaged = bytearray(whole)
        for at in rng.integers(0, min(len(whole), 300), 4):
            damaged[at] = rng.integers(0, 256)
        try:
            found = read_image("damaged", bytes(damaged))
        except ValueError as error:
            assert "'damaged'" in str(error) and "\n" not in str(error)
        else:
            assert found.pixels.ndim in (2, 3)


def test_truncated_uncompressed_tiff(tmp_path):
    """Its directory stands before the pixels, so that it opens."""
    path = tmp_path / "image.tif"
    tifffile.imwrite(path, pixels((64, 64, 3), np.uint16), photometric="rgb")
    path.write_bytes(path.read_bytes()[:-2000])
    assert image_size(str(path)) == (64, 64)
    with pytest.raises(ValueError, match="cannot read"):
        read_image(str(path))


def test_what_is_no_image(tmp_path):
    path = tmp_path / "image.png"
    with pytest.raises(FileNotFoundError, match="there is no image"):
        read_image(str(path))
    for content in (b"", b"not an image"):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="image.png': it is no PNG, JPEG, TIFF"):
            read_image(str(path))
        assert image_size(str(path)) == (0, 0)
    Image.fromarray(pixels(SHAPES[2])).save(path, "ICO")
    with pytest.raises(UnreadableError, match="it is no PNG, JPEG, TIFF"):
        read_image(str(path))
    with pytest.raises(IsADirectoryError, match="is a folder, not an image"):
        read_image(str(tmp_path))


@pytest.mark.parametrize(
    "image, ending, options, message",
    [
        (Image.new("CMYK", (8, 8)), "jpg", {}, "CMYK colours: convert it to RGB"),
        (
            Image.new("L", (8, 8)),
            "webp",
            dict(save_all=True, append_images=[Image.new("L", (8, 8), 9)]),
            "2 images: split it",
        ),
        (Image.new("I", (8, 8)), "tif", {}, "not of 8 or 16 bits"),
        (
            Image.new("L", (8, 8)),
            "tif",
            dict(save_all=True, append_images=[Image.new("L", (8, 8))]),
            "2 images: split it",
        ),
    ],
)
def test_other_images(tmp_path, image, ending, options, message):
    path = str(tmp_path / f"image.{ending}")
    image.save(path, **options)
    with pytest.raises(ValueError, match=f"image.{ending}' holds .*{message}"):
        read_image(path)


@pytest.mark.parametrize("ending", ["webp", "bmp", "ppm"])
def test_other_formats_come_back(tmp_path, ending):
    path = str(tmp_path / f"image.{ending}")
    for shape in SHAPES:
        given = pixels(shape)
        if len(shape) == 3 and shape[2] in (2, 4) and ending != "webp":
            with pytest.raises(ValueError, match="does not hold an alpha channel"):
                write_image(path, Picture(given))
            continue
        write_image(path, Picture(given))
        expected = given
        if ending == "webp":  # it has no grey
            samples = given.reshape(19, 23, -1)
            found = ([0, 0, 0], [0, 0, 0, 1], [0, 1, 2], [0, 1, 2, 3])
            expected = samples[..., found[samples.shape[2] - 1]]
        np.testing.assert_array_equal(read_image(path).pixels, expected)
        np.testing.assert_array_equal(np.asarray(Image.open(path)), expected)


def test_five_bits_a_value(tmp_path):
    """A BMP of 5 or 6 bits a value is no file of 16."""
    path = tmp_path / "image.bmp"
    header = (
        b"BM" + (66 + 8).to_bytes(4, "little") + bytes(4) + (66).to_bytes(4, "little")
    )
    info = [40, 2, 2, 1 | 16 << 16, 3, 8, 0, 0, 0, 0, 0xF800, 0x7E0, 0x1F]
    rows = np.array([0xF800, 0x07E0, 0x001F, 0xFFFF], "<u2")
    path.write_bytes(
        header + b"".join(v.to_bytes(4, "little") for v in info) + rows.tobytes()
    )
    found = read_image(str(path)).pixels
    np.testing.assert_array_equal(found, np.asarray(Image.open(path)))
    assert found.dtype == np.uint8 and found[1, 0].tolist() == [255, 0, 0]


def test_equal_pixels_of_any_mode(tmp_path):
    """Palettes of greys are grey; the rest keeps its channels."""
    grey = pixels((9, 11)) // 64 * 64
    image = Image.fromarray(grey)
    image.convert("P").save(tmp_path / "palette.png")
    image.save(tmp_path / "grey.tif")
    for name in ("palette.png", "grey.tif"):
        np.testing.assert_array_equal(read_image(str(tmp_path / name)).pixels, grey)


def test_bytes_instead_of_a_file(tmp_path):
    path = tmp_path / "image.png"
    Image.fromarray(pixels(SHAPES[2])).save(path)
    found = read_image("s3://anywhere.png", path.read_bytes())
    np.testing.assert_array_equal(found.pixels, pixels(SHAPES[2]))


def test_colours_that_are_converted_only_if_asked(tmp_path):
    path = str(tmp_path / "image.jpg")
    Image.fromarray(pixels((8, 8, 4)), "CMYK").save(path)
    with pytest.raises(ValueError, match="holds CMYK colours: convert it to RGB"):
        read_image(path)
    found = read_image(path, convert=("CMYK",)).pixels
    np.testing.assert_array_equal(found, np.asarray(Image.open(path).convert("RGB")))


def test_endings():
    with pytest.raises(ValueError, match="'out.gif': its ending must be one of .png"):
        write_image("out.gif", Picture(pixels(SHAPES[2])))
    with pytest.raises(ValueError, match="PNG does not hold floats; take TIFF"):
        write_image("out.png", Picture(np.zeros((3, 4), np.float32)))
    with pytest.raises(ValueError, match="WEBP does not hold more than 16383 pixels"):
        write_image("out.webp", Picture(np.zeros((1, 20000), np.uint8)))


def png(size, bits, kind, data, chunks=b"", interlaced=0):
    def chunk(name, content):
        checksum = struct.pack(">I", zlib.crc32(name + content))
        return struct.pack(">I", len(content)) + name + content + checksum

    head = struct.pack(">IIBBBBB", *size, bits, kind, 0, 0, interlaced)
    parts = [chunk(b"IHDR", head), *(chunk(*pair) for pair in chunks)]
    parts += [chunk(b"IDAT", zlib.compress(data)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_a_transparent_grey_of_few_bits(bits):
    """It is one of the file's own values: 1 of 0 to 3 is 85 of 255."""
    values = (np.arange(8) % 2**bits).astype(np.uint8)
    packed = np.unpackbits(values[:, None], axis=1)[:, -bits:].ravel()
    data = b"\0" + np.packbits(packed).tobytes()
    content = png((8, 1), bits, 0, data, [(b"tRNS", b"\0\1")])
    found = read_image("x.png", content).pixels[0]
    np.testing.assert_array_equal(found[:, 0], values * (255 // (2**bits - 1)))
    np.testing.assert_array_equal(found[:, 1], np.where(values == 1, 0, 255))


@pytest.mark.parametrize("interlaced, rows", [(0, 20 * 28), (1, 578)])
def test_rows_that_are_missing_from_a_png(interlaced, rows):
    """The file is whole, and what is packed in it ends early; 9x20 RGB."""
    whole = bytes(rows)
    assert read_image("x.png", png((9, 20), 8, 2, whole, (), interlaced))
    with pytest.raises(UnreadableError, match="truncated"):
        read_image("x.png", png((9, 20), 8, 2, whole[:-28], (), interlaced))
