"""The generated classes: reproducible, whole or absent, filled by what they are named.

Colour and outline say nothing in the pictures they are cut from: see those' tests.
"""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmdenoise.datasets import textured_classes
from mmdenoise.datasets.textured_classes import (
    CLASSES,
    COVER,
    fullest_window,
    make_class_dataset,
)

SMALL = dict(train=3, val=2, size=32)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_class_dataset(tmp_path_factory.mktemp("classes") / "set", **SMALL)


def file_bytes(root):
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def test_the_fullest_window_is_the_fullest():
    rng = np.random.default_rng(0)
    for _ in range(20):
        mask = rng.integers(0, 3, (17, 23))
        cover, top, left = fullest_window(mask, 1, 6)
        shares = np.array(
            [
                [(mask[y : y + 6, x : x + 6] == 1).mean() for x in range(18)]
                for y in range(12)
            ]
        )
        assert cover == pytest.approx(shares.max(), abs=1e-12)
        assert (top, left) == np.unravel_index(shares.argmax(), shares.shape)
    assert fullest_window(mask, 7, 6)[0] == 0
    assert fullest_window(np.full((6, 6), 4), 4, 6) == (1, 0, 0)


def test_layout_and_labels(folder):
    for split in ("train", "val"):
        lines = (folder / "meta" / f"{split}.txt").read_text().splitlines()
        assert len(lines) == len(set(lines)) == SMALL[split] * len(CLASSES)
        assert len(list((folder / split).iterdir())) == len(lines)
        for line in lines:
            name, label = line.split()
            assert name.rpartition("_")[0] == CLASSES[int(label)]
            image = Image.open(folder / split / name)
            assert image.mode == "RGB" and image.size == (32, 32)
    meta = json.loads((folder / "meta.json").read_text())
    assert {key: meta[key] for key in SMALL} == SMALL and meta["seed"] == 0


def test_pictures_are_windows_of_still_lifes_that_their_class_fills(
    tmp_path, monkeypatch
):
    drawn = []

    def remember(*args):
        drawn.append(generate_sample(*args))
        return drawn[-1]

    generate_sample = textured_classes.generate_sample
    monkeypatch.setattr(textured_classes, "generate_sample", remember)
    root = make_class_dataset(tmp_path / "set", train=2, val=1, size=32)
    for split in ("train", "val"):
        for line in (root / "meta" / f"{split}.txt").read_text().splitlines():
            name, label = line.split()
            window = np.asarray(Image.open(root / split / name))
            found = [
                (mask[y : y + 32, x : x + 32] == int(label)).mean()
                for image, mask in drawn
                for _, y, x in [fullest_window(mask, int(label), 32)]
                if np.array_equal(image[y : y + 32, x : x + 32], window)
            ]
            assert len(found) == 1 and found[0] >= COVER, name


def test_same_request_same_bytes_and_larger_sets_extend_smaller(folder, tmp_path):
    assert file_bytes(make_class_dataset(tmp_path / "a" / "b", **SMALL)) == file_bytes(
        folder
    )
    larger = file_bytes(make_class_dataset(tmp_path / "larger", **dict(SMALL, train=4)))
    for name, content in file_bytes(folder).items():
        if name.endswith(".png"):
            assert larger[name] == content
    other = file_bytes(make_class_dataset(tmp_path / "other", seed=1, **SMALL))
    images = [name for name in other if name.endswith(".png")]
    assert not {other[name] for name in images} & {larger[name] for name in images}
    train, val = (
        {larger[n] for n in larger if n.startswith(split) and n.endswith(".png")}
        for split in ("train", "val")
    )
    assert not train & val


def test_finished_set_is_reused_and_another_one_refused(folder, monkeypatch):
    before = file_bytes(folder)
    monkeypatch.setattr(textured_classes, "_write", None)
    assert make_class_dataset(folder, **SMALL) == folder
    with pytest.raises(FileExistsError, match="'seed': 0.*not the .*'seed': 4"):
        make_class_dataset(folder, seed=4, **SMALL)
    assert file_bytes(folder) == before


def test_interrupted_call_leaves_nothing(tmp_path, monkeypatch):
    calls = []

    def interrupted(*args):
        calls.append(args)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return generate_sample(*args)

    generate_sample = textured_classes.generate_sample
    with monkeypatch.context() as patch:
        patch.setattr(textured_classes, "generate_sample", interrupted)
        with pytest.raises(KeyboardInterrupt):
            make_class_dataset(tmp_path / "set", **SMALL)
    assert list(tmp_path.iterdir()) == []


def test_partial_or_foreign_folder_is_not_taken_for_finished(tmp_path):
    root = make_class_dataset(tmp_path / "set", train=1, val=1, size=32)
    next((root / "val").iterdir()).unlink()
    with pytest.raises(FileExistsError, match="lost some of its files: delete it or"):
        make_class_dataset(root, train=1, val=1, size=32)
    (root / "meta.json").unlink()
    with pytest.raises(FileExistsError, match="not a set made by this tool"):
        make_class_dataset(root, train=1, val=1, size=32)


@pytest.mark.parametrize(
    "bad", [dict(seed=-1), dict(train=0), dict(val=0), dict(size=31), dict(size=513)]
)
def test_bad_arguments(tmp_path, bad):
    with pytest.raises(
        ValueError, match="need seed >= 0 and counts|size must be 32 to"
    ):
        make_class_dataset(tmp_path / "set", **bad)
    assert list(tmp_path.iterdir()) == []


def test_the_command_makes_the_set_and_fails_in_one_line(tmp_path, command):
    def make(*options):
        return command("data", "classes", tmp_path / "set", "--train=1", *options)

    assert "6 classes of 1 + 1 images" in make("--val=1", "--size=32").out
    for options, message in (
        (["--val=1", "--size=32", "--seed=1"], "delete it or name another folder"),
        (["--val=0"], "need seed >= 0 and counts >= 1"),
        (["--size=20"], "size must be 32 to 512 pixels, got 20"),
    ):
        assert message in make(*options).error


def build(root, **kwargs):
    pytest.importorskip("mmpretrain")
    from mmengine.registry import init_default_scope

    import mmdenoise.datasets  # noqa: F401
    from mmdenoise.registry import DATASETS

    init_default_scope("mmpretrain")
    pipeline = [dict(type="mmdenoise.LoadImage"), dict(type="PackInputs")]
    config = dict(type="mmdenoise.TexturedClassesDataset", pipeline=pipeline)
    return DATASETS.build(dict(config, data_root=str(root), **kwargs))


def test_dataset_reads_through_mmpretrain(folder):
    train, val = build(folder), build(folder, split="val")
    assert (len(train), len(val)) == (18, 12)
    assert tuple(train.metainfo["classes"]) == CLASSES
    item = val[8]
    sample = item["data_samples"]
    path = Path(sample.img_path)
    assert path == folder / "val" / "corduroy_00001.png"
    assert int(sample.gt_label) == CLASSES.index("corduroy")
    with Image.open(path) as image:
        bgr = np.asarray(image)[..., ::-1].transpose(2, 0, 1)
    np.testing.assert_array_equal(item["inputs"].numpy(), bgr)


@pytest.mark.parametrize("missing", ["", "train", "meta/train.txt"])
def test_missing_set_says_how_to_make_it(tmp_path, missing):
    root = make_class_dataset(tmp_path / "set", train=1, val=1, size=32)
    (root / missing).rename(tmp_path / "elsewhere")
    with pytest.raises(FileNotFoundError) as caught:
        build(root)
    text = str(caught.value)
    assert f"mmdenoise data classes {root}" in text
    assert str(root / (missing or "train")) in text and "\n" not in text
