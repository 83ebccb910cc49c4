"""The generated set: reproducible, whole or absent, told apart by texture alone."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmdenoise.datasets import textured_shapes
from mmdenoise.datasets.textured_shapes import (
    CLASSES,
    IGNORE,
    PALETTE,
    generate_sample,
    make_voc_dataset,
)

SIZE = 96


@pytest.fixture(scope="module")
def samples():
    return [generate_sample(seed, SIZE) for seed in range(120)]


@pytest.fixture(scope="module")
def voc(tmp_path_factory):
    return make_voc_dataset(tmp_path_factory.mktemp("voc") / "set", train=6, val=3)


def file_bytes(root):
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def test_sample_shapes_and_ranges(samples):
    for image, mask in samples:
        assert image.shape == (SIZE, SIZE, 3) and image.dtype == np.uint8
        assert mask.shape == (SIZE, SIZE) and mask.dtype == np.uint8
        assert set(np.unique(mask)) <= {*range(len(CLASSES)), IGNORE}
        # Clipping would leave marks that are no texture.
        assert ((image == 0) | (image == 255)).mean() < 0.01


def test_every_class_has_a_fair_share(samples):
    counts = sum(np.bincount(mask.ravel(), minlength=256) for _, mask in samples)
    shares = counts[1 : len(CLASSES)] / counts[1 : len(CLASSES)].sum()
    assert shares.min() > 0.14 and shares.max() < 0.26
    assert 0.3 < counts[0] / counts.sum() < 0.7


def test_same_seed_same_sample():
    first, again, other = (generate_sample(seed, 64) for seed in (5, 5, 6))
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    assert (first[0] != other[0]).mean() > 0.5
    generator = np.random.Generator(np.random.PCG64(5))
    np.testing.assert_array_equal(first[0], generate_sample(generator, 64)[0])


def test_pictures_are_those_of_this_version():
    """Fails where a change alters the pictures: then ``VERSION`` has to be raised."""
    image, mask = generate_sample(2024, 64)
    red = [[97, 173, 175, 164], [133, 121, 79, 167], [129, 79, 146, 139]]
    labels = [[2, 0, 0, 0], [2, 3, 3, 0], [0, 3, 1, 0], [0, 0, 1, 4]]
    assert textured_shapes.VERSION == 1
    # Another machine's sine may differ in the last bit, and so round otherwise.
    np.testing.assert_allclose(image[4:48:16, 4::16, 0], red, atol=1)
    np.testing.assert_array_equal(mask[4::16, 4::16], labels)


def test_size_below_32_is_an_error():
    with pytest.raises(ValueError, match="at least 32 pixels, got 31"):
        generate_sample(0, 31)


def test_borders_of_255_part_all_classes(samples):
    for _, mask in samples[:40]:
        assert 0.02 < (mask == IGNORE).mean() < 0.25
        for first, second in ((mask[1:], mask[:-1]), (mask[:, 1:], mask[:, :-1])):
            seen = (first != IGNORE) & (second != IGNORE)
            np.testing.assert_array_equal(first[seen], second[seen])


def nearest_mean_accuracy(features, labels):
    """Fit on the even rows, test on the odd ones."""
    features = np.asarray(features)
    features = (features - features.mean(0)) / features.std(0)
    labels = np.asarray(labels)
    fit, fit_labels = features[::2], labels[::2]
    classes = np.unique(labels)
    means = np.stack([fit[fit_labels == c].mean(0) for c in classes])
    distance = ((features[1::2, None] - means) ** 2).sum(-1)
    return (classes[distance.argmin(1)] == labels[1::2]).mean()


def test_texture_tells_classes_apart_and_colour_does_not(samples):
    colours, shapes, textures, labels = [], [], [], []
    for image, mask in samples:
        light = image.astype(float) / 255
        grey = light.mean(-1)
        # Windows of 24 pixels whose inside is one thing's.
        for label in range(1, len(CLASSES)):
            rows, columns = np.nonzero(mask == label)
            if len(rows) < 400:
                continue
            y, x = int(rows.mean()) - 12, int(columns.mean()) - 12
            if y < 0 or x < 0 or y + 24 > SIZE or x + 24 > SIZE:
                continue
            window = (slice(y, y + 24), slice(x, x + 24))
            if (mask[window] == label).mean() < 0.95:
                continue
            labels.append(label)
            pixels = light[mask == label]
            colours.append([*pixels.mean(0), *np.cov(pixels.T)[0]])
            shapes.append([len(rows), rows.std(), columns.std(), rows.mean()])
            # Texture, whatever its angle: the ring spectrum and how uneven it is
            # around the ring, and the skewness of its light.
            patch = grey[window] - grey[window].mean()
            power = np.abs(np.fft.fft2(patch * np.outer(*[np.hanning(24)] * 2))) ** 2
            radius = np.hypot(*np.meshgrid(*[np.fft.fftfreq(24) * 24] * 2))
            power[radius < 2.5] = 0
            power /= power.sum()
            rings = [power[abs(radius - r) < 0.5].sum() for r in range(3, 11)]
            peaks = np.sort(power.ravel())[::-1].cumsum()[[1, 3, 7, 15]]
            fine = patch - 0.25 * sum(
                np.roll(patch, s, a) for s in (-3, 3) for a in (0, 1)
            )
            skew = (fine**3).mean() / (fine**2).mean() ** 1.5
            textures.append([*rings, *peaks, skew])
    assert len(labels) > 150
    chance = 1 / (len(CLASSES) - 1)
    assert nearest_mean_accuracy(colours, labels) < chance + 0.1
    assert nearest_mean_accuracy(shapes, labels) < chance + 0.1
    assert nearest_mean_accuracy(textures, labels) > 0.9


def test_voc_layout_and_palette(voc):
    for split, count in (("train", 6), ("val", 3)):
        text = (voc / f"ImageSets/Segmentation/{split}.txt").read_text()
        names = text.splitlines()
        assert len(names) == len(set(names)) == count
        for name in names:
            assert Image.open(voc / f"JPEGImages/{name}.png").mode == "RGB"
            labels = Image.open(voc / f"SegmentationClass/{name}.png")
            assert labels.mode == "P"
            assert tuple(labels.getpalette()[:18]) == sum(PALETTE, ())
            assert IGNORE in np.asarray(labels)
    meta = json.loads((voc / "meta.json").read_text())
    assert meta == dict(
        version=textured_shapes.VERSION, seed=0, size=96, train=6, val=3
    )


def test_same_request_same_bytes_and_larger_sets_extend_smaller(voc, tmp_path):
    again = make_voc_dataset(tmp_path / "deep" / "again", train=6, val=3)
    assert file_bytes(again) == file_bytes(voc)
    larger = file_bytes(make_voc_dataset(tmp_path / "larger", train=8, val=3))
    for name, content in file_bytes(voc).items():
        if name.endswith(".png"):
            assert larger[name] == content
    other = file_bytes(make_voc_dataset(tmp_path / "other", seed=1, train=6, val=3))
    images = [name for name in other if name.startswith("JPEGImages")]
    assert not {other[n] for n in images} & {larger[n] for n in images}


def test_finished_set_is_reused(voc, monkeypatch):
    monkeypatch.setattr(textured_shapes, "_write", None)
    assert make_voc_dataset(voc, train=6, val=3) == voc


def test_another_request_is_refused(voc):
    before = file_bytes(voc)
    with pytest.raises(FileExistsError, match="'seed': 0.*not the .*'seed': 4"):
        make_voc_dataset(voc, seed=4, train=6, val=3)
    assert file_bytes(voc) == before


def test_interrupted_call_leaves_nothing(tmp_path, monkeypatch):
    calls = []

    def interrupted(*args):
        calls.append(args)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return generate_sample(*args)

    with monkeypatch.context() as patch:
        patch.setattr(textured_shapes, "generate_sample", interrupted)
        with pytest.raises(KeyboardInterrupt):
            make_voc_dataset(tmp_path / "set", train=4, val=2, size=32)
    assert list(tmp_path.iterdir()) == []
    make_voc_dataset(tmp_path / "set", train=4, val=2, size=32)
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_partial_or_foreign_folder_is_not_taken_for_finished(tmp_path):
    root = make_voc_dataset(tmp_path / "set", train=4, val=2, size=32)
    next((root / "SegmentationClass").iterdir()).unlink()
    with pytest.raises(FileExistsError, match="lost some of its files: delete it or"):
        make_voc_dataset(root, train=4, val=2, size=32)
    (root / "meta.json").unlink()
    with pytest.raises(FileExistsError, match="not a set made by this tool"):
        make_voc_dataset(root, train=4, val=2, size=32)


@pytest.mark.parametrize("bad", [dict(seed=-1), dict(train=0), dict(val=0)])
def test_bad_arguments(tmp_path, bad):
    with pytest.raises(ValueError, match="need seed >= 0 and counts >= 1"):
        make_voc_dataset(tmp_path / "set", **bad)
    assert list(tmp_path.iterdir()) == []


def test_the_command_makes_the_set_and_fails_in_one_line(tmp_path, command):
    def make(*options):
        return command("data", "shapes", tmp_path / "set", "--size=32", *options)

    assert "2 + 1 images" in make("--train=2", "--val=1").out
    again = make("--train=2", "--val=1", "--seed=1")
    assert "delete it or name another folder" in again.error


def build(**kwargs):
    pytest.importorskip("mmseg")
    import mmseg.datasets  # noqa: F401 - registers the pipeline steps
    from mmengine.registry import init_default_scope

    import mmdenoise.datasets  # noqa: F401
    from mmdenoise.registry import DATASETS

    init_default_scope("mmseg")
    pipeline = [
        dict(type="LoadImageFromFile"),
        dict(type="LoadAnnotations"),
        dict(type="PackSegInputs"),
    ]
    return DATASETS.build(
        dict(type="mmdenoise.TexturedShapesDataset", pipeline=pipeline, **kwargs)
    )


def test_dataset_reads_through_mmseg(voc):
    train = build(data_root=str(voc))
    val = build(data_root=str(voc), ann_file="ImageSets/Segmentation/val.txt")
    assert (len(train), len(val)) == (6, 3)
    assert train.metainfo["classes"] == CLASSES
    assert train.metainfo["palette"] == [list(colour) for colour in PALETTE]
    item = val[1]
    sample = item["data_samples"]
    assert Path(sample.img_path).stem == Path(sample.seg_map_path).stem == "val_00001"
    with Image.open(sample.img_path) as image:
        bgr = np.asarray(image)[..., ::-1].transpose(2, 0, 1)
    np.testing.assert_array_equal(item["inputs"].numpy(), bgr)
    with Image.open(sample.seg_map_path) as image:
        labels = np.asarray(image)
    np.testing.assert_array_equal(sample.gt_sem_seg.data[0].numpy(), labels)


def test_missing_set_says_how_to_make_it(tmp_path):
    root = tmp_path / "nowhere"
    with pytest.raises(FileNotFoundError) as caught:
        build(data_root=str(root))
    text = str(caught.value)
    assert f"mmdenoise data shapes {root}" in text
    assert "\n" not in text


@pytest.mark.parametrize("text", ["", "\n"])
def test_an_empty_list_is_named(tmp_path, text):
    root = make_voc_dataset(tmp_path / "set", train=1, val=1, size=32)
    path = root / "ImageSets" / "Segmentation" / "train.txt"
    path.write_text(text)
    with pytest.raises(ValueError, match="'.*train.txt' is empty: it should name an"):
        build(data_root=str(root))
