"""What a file says beside its pixels survives, or is named."""

import struct
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image

from mmdenoise.images import Metadata, Picture, lost_metadata, read_image, write_image

GREY = np.arange(40 * 50, dtype=np.uint16).reshape(40, 50) * 30
RGB8 = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
GEO = [
    (33550, 12, 3, (0.5, 0.5, 0.0), True),
    (33922, 12, 6, (0.0, 0.0, 0.0, 4e5, 5e6, 0.0), True),
    (34735, 3, 4, (1, 1, 0, 0), True),
    (42113, 2, 0, "-9999", True),
]
STORAGE = (259, 273, 278, 279)


def tags(path):
    with tifffile.TiffFile(path) as file:
        found = {tag.code: tag.value for tag in file.pages[0].tags}
    return {code: value for code, value in found.items() if code not in STORAGE}


@pytest.mark.parametrize("byteorder", "<>")
@pytest.mark.parametrize(
    "image, options",
    [
        (GREY, dict(imagej=True, resolution=(4.5, 4.5), metadata=dict(unit="um"))),
        (
            GREY,
            dict(ome=True, metadata=dict(PhysicalSizeX=0.3, PhysicalSizeXUnit="µm")),
        ),
        (GREY / np.float32(65535), dict(extratags=GEO, metadata=None, software="GDAL")),
        (RGB8, dict(photometric="rgb", extratags=GEO, metadata=None)),
        (
            RGB8,
            dict(
                photometric="rgb",
                metadata=None,
                description="a view",
                resolution=(118, 118),
                resolutionunit="CENTIMETER",
                datetime="2024:05:06 07:08:09",
                iccprofile=b"profile",
                extratags=[(700, 1, 5, b"<xmp>", True)],
            ),
        ),
    ],
)
def test_a_tiff_keeps_its_tags(tmp_path, image, options, byteorder):
    given, written = str(tmp_path / "given.tif"), str(tmp_path / "written.tif")
    if "imagej" in options and byteorder == "<":
        byteorder = None
    tifffile.imwrite(given, image, byteorder=byteorder, **options)
    picture = read_image(given)
    assert lost_metadata(written, picture) == []
    write_image(written, picture)
    assert tags(written) == tags(given)
    with tifffile.TiffFile(written) as new, tifffile.TiffFile(given) as old:
        assert new.imagej_metadata == old.imagej_metadata
        assert new.geotiff_metadata == old.geotiff_metadata
        assert new.ome_metadata == old.ome_metadata
    np.testing.assert_array_equal(read_image(written).pixels, image)
    lost = lost_metadata("written.jpg", picture)
    if "imagej" in options:
        assert lost == ["ImageDescription (270)", "the resolution"]
    if options.get("extratags") is GEO:
        assert "ModelPixelScaleTag (33550)" in lost
    if "iccprofile" in options:
        assert lost == ["ImageDescription (270)", "DateTime (306)"]
        assert picture.metadata.dpi == pytest.approx((299.72, 299.72))


def chunk(kind, data):
    return (
        struct.pack(">I", len(data))
        + kind
        + data
        + struct.pack(">I", zlib.crc32(kind + data))
    )


@pytest.mark.parametrize("image", [RGB8, GREY, np.stack([GREY] * 3, -1)])
def test_a_png_keeps_its_chunks(tmp_path, image):
    given, written = str(tmp_path / "given.png"), str(tmp_path / "written.png")
    chunks = [
        (b"gAMA", struct.pack(">I", 100000)),
        (b"cHRM", struct.pack(">8I", *range(1, 9))),
        (b"sCAL", b"\x011e-6\x001e-6"),
        (b"tEXt", b"Title\0a view"),
    ]
    write_image(given, Picture(image))
    with open(given, "rb") as file:
        content = file.read()
    with open(given, "wb") as file:
        file.write(
            content[:33] + b"".join(chunk(*one) for one in chunks) + content[33:]
        )
    picture = read_image(given)
    assert picture.metadata.chunks == chunks
    assert lost_metadata(written, picture) == []
    write_image(written, picture)
    np.testing.assert_array_equal(read_image(written).pixels, image)
    assert read_image(written).metadata.chunks == chunks
    with Image.open(written) as found:
        assert found.info["gamma"] == 1.0 and found.text == {"Title": "a view"}
    named = ["gamma", "primaries", "calibration of space", "text"]
    assert lost_metadata("written.tif", picture) == named


@pytest.mark.parametrize("ending", ["jpg", "png", "webp"])
def test_exif_and_xmp_go_from_one_format_to_another(tmp_path, ending):
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "a maker", 6
    given, written = str(tmp_path / "given.jpg"), str(tmp_path / f"written.{ending}")
    Image.fromarray(RGB8).save(
        given,
        exif=exif,
        xmp=b"<xmp>",
        icc_profile=b"profile",
        comment=b"a note",
        dpi=(72, 72),
    )
    picture = read_image(given)
    write_image(written, picture)
    found = read_image(written).metadata
    with Image.open(written) as image:
        assert dict(image.getexif()) == dict(exif)
    assert (found.xmp, found.icc) == (b"<xmp>", b"profile")
    expected = ["the resolution", "the comment"] if ending == "webp" else []
    assert lost_metadata(written, picture) == expected
    assert lost_metadata("written.tif", picture) == ["the EXIF block", "the comment"]
    assert "the ICC profile" in lost_metadata("written.bmp", picture)


def test_how_it_is_turned_is_nothing_lost(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    picture = Picture(RGB8, None, Metadata(exif=exif.tobytes()))
    assert lost_metadata("written.bmp", picture) == []
    path = str(tmp_path / "written.bmp")
    write_image(path, picture)
    np.testing.assert_array_equal(read_image(path).pixels, np.rot90(RGB8, -1))


def test_what_points_into_the_old_file_is_named(tmp_path):
    path = str(tmp_path / "given.tif")
    with tifffile.TiffWriter(path) as writer:
        writer.write(RGB8, photometric="rgb", subifds=1, metadata=None)
        writer.write(RGB8[::2, ::2], photometric="rgb", subfiletype=1, metadata=None)
    picture = read_image(path)
    np.testing.assert_array_equal(picture.pixels, RGB8)
    assert picture.notes == ["smaller copies (SubIFDs)"]
    assert lost_metadata("written.tif", picture) == ["smaller copies (SubIFDs)"]
