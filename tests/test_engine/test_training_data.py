"""A training is resumed on the data that it began with, and on no other."""

import shutil
from types import SimpleNamespace

import numpy as np
import pytest
from mmengine.dataset import RepeatDataset
from PIL import Image

from mmdenoise.data_digest import ends_digest
from mmdenoise.datasets import CleanImageDataset
from mmdenoise.engine.training_data import KEY, TrainingDataHook


@pytest.fixture
def images(tmp_path):
    """A folder of three images, of which the last is longer than what counts whole."""
    folder = tmp_path / "images"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number, side in enumerate((8, 9, 200)):
        pixels = rng.integers(0, 256, (side, side, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return folder


def begin(folder, checkpoint=None, iteration=0, repeat=0):
    """Begin or resume a training; return what its checkpoints hold of the data."""
    dataset = CleanImageDataset(str(folder))
    if repeat:
        dataset = RepeatDataset(dataset, repeat)
    loader = SimpleNamespace(dataset=dataset)
    runner = SimpleNamespace(train_dataloader=loader, iter=iteration)
    hook = TrainingDataHook()
    if checkpoint is not None:
        hook.after_load_checkpoint(runner, checkpoint)
    hook.before_train(runner)
    hook.before_save_checkpoint(runner, saved := {})
    return saved


def turn(path):
    """Change pixels, and the file's size not by much."""
    with Image.open(path) as image:
        turned = image.transpose(Image.Transpose.ROTATE_180)
    turned.save(path)


def test_equal_data_passes_wherever_it_lies(images, tmp_path):
    saved = begin(images)
    assert saved[KEY]["items"] == 3 and len(saved[KEY]["digest"]) == 64
    moved = shutil.copytree(images, tmp_path / "elsewhere", copy_function=shutil.copy)
    assert begin(moved, saved, 5) == saved
    assert begin(images, saved, 5, repeat=1000) == saved


@pytest.mark.parametrize("name", ["0.png", "2.png"])
def test_another_image_is_refused(images, name):
    saved = begin(images)
    turn(images / name)
    with pytest.raises(ValueError, match=r"data changed .*\(3 items then, 3 now\)"):
        begin(images, saved, 5)


def test_another_number_is_refused_with_both(images):
    saved = begin(images)
    (images / "1.png").unlink()
    with pytest.raises(ValueError, match=r"3 items then, 2 now"):
        begin(images, saved, 5)


def test_what_begins_anew_may_have_any_data(images):
    saved = begin(images)
    turn(images / "0.png")
    assert begin(images, saved, 0) != saved
    # Checkpoints of earlier versions say nothing.
    assert begin(images, {}, 5) != saved


def test_data_that_tells_no_items_is_passed():
    loader = SimpleNamespace(dataset=[1, 2])
    hook = TrainingDataHook()
    runner = SimpleNamespace(train_dataloader=loader, iter=5)
    hook.after_load_checkpoint(runner, {KEY: dict(digest="0", items=2)})
    hook.before_train(runner)
    hook.before_save_checkpoint(runner, saved := {})
    assert saved == {}


def test_ends_of_a_long_file_count_and_its_middle_does_not(tmp_path):
    path = tmp_path / "long"

    def digest(place, length=100_000):
        content = bytearray(length)
        content[place] = 1
        path.write_bytes(content)
        return ends_digest(str(path))

    middle = digest(50_000)
    assert digest(40_000) == middle
    others = [digest(0), digest(4095), digest(-4096), digest(-1), digest(0, 99_999)]
    assert len({middle, *others}) == 6
    # Up to 64 KiB all counts.
    assert digest(30_000, 65_536) != digest(40_000, 65_536)
