"""The checkpoint from which an interrupted training goes on."""

import logging
import os

import pytest
import torch

from mmdenoise.weights.resume import (
    checkpoint_to_resume,
    newest_checkpoint,
    say_what_is_there,
)


@pytest.fixture
def save(tmp_path):
    def write(name, **meta):
        path = tmp_path / name
        torch.save(dict(state_dict=dict(weight=torch.ones(100)), meta=meta), path)
        return path

    return write


@pytest.fixture
def warnings(monkeypatch):
    """What the module logs, with its level."""
    said = []

    def log(text, logger=None, level=logging.INFO):
        said.append((level, text))

    monkeypatch.setattr("mmdenoise.weights.resume.print_log", log)
    return said


def test_the_highest_number_wins(tmp_path, save, warnings):
    for name in ("iter_9.pth", "iter_100.pth", "iter_20.pth"):
        save(name)
    # By number: neither the alphabet nor the clock says iter_100.
    assert newest_checkpoint(str(tmp_path)) == str(tmp_path / "iter_100.pth")
    assert warnings == []


def test_epochs_count_too(tmp_path, save):
    save("epoch_2.pth")
    save("epoch_10.pth")
    assert newest_checkpoint(str(tmp_path)) == str(tmp_path / "epoch_10.pth")


def test_a_truncated_one_is_passed_over_and_named(tmp_path, save, warnings):
    save("iter_10.pth")
    for name, size in (("iter_20.pth", 700), ("iter_30.pth", 0)):
        path = save(name)
        path.write_bytes(path.read_bytes()[:size])
    assert newest_checkpoint(str(tmp_path)) == str(tmp_path / "iter_10.pth")
    assert [level for level, _ in warnings] == [logging.WARNING] * 2
    assert "iter_30.pth" in warnings[0][1] and "iter_20.pth" in warnings[1][1]
    assert all(text.startswith("passed over: ") for _, text in warnings)
    assert not any("\n" in text for _, text in warnings)


def test_a_file_without_weights_is_passed_over(tmp_path, save, warnings):
    save("iter_1.pth")
    torch.save(dict(meta={}), tmp_path / "iter_2.pth")
    assert newest_checkpoint(str(tmp_path)) == str(tmp_path / "iter_1.pth")
    assert "iter_2.pth" in warnings[0][1]


@pytest.mark.parametrize("points_to", ["iter_1.pth", "iter_7.pth"])
def test_the_pointer_file_is_not_asked(tmp_path, save, points_to):
    save("iter_1.pth")
    save("iter_2.pth")
    (tmp_path / "last_checkpoint").write_text(str(tmp_path / points_to))
    assert newest_checkpoint(str(tmp_path)) == str(tmp_path / "iter_2.pth")


def test_other_files_are_not_looked_at(tmp_path, save, warnings):
    for name in ("best_mIoU_iter_50.pth", "iter_60.pth.part", "iter_x.pth", "last.pth"):
        save(name)
    # What a killed writer of ours leaves behind.
    (tmp_path / ".tmpabc123.pth").write_bytes(b"half")
    assert newest_checkpoint(str(tmp_path)) is None
    assert warnings == []


def test_there_is_none(tmp_path, save, warnings):
    assert newest_checkpoint(str(tmp_path / "gone")) is None
    assert newest_checkpoint(str(tmp_path)) is None
    save("iter_1.pth").write_bytes(b"not a checkpoint")
    assert newest_checkpoint(str(tmp_path)) is None
    assert len(warnings) == 1


def test_a_higher_number_of_an_earlier_training(tmp_path, save, warnings):
    """A training began anew in a used folder, and was killed."""
    save("iter_1000.pth", time="20260101_120000")
    save("iter_100.pth", time="20260102_120000")
    last = tmp_path / "last_checkpoint"
    last.write_text("/moved/since/iter_100.pth")
    assert newest_checkpoint(str(tmp_path)) == str(tmp_path / "iter_100.pth")
    assert len(warnings) == 1 and "iter_1000.pth' is of an earlier" in warnings[0][1]
    assert "iter_100.pth, the last one, 20260102_120000" in warnings[0][1]
    # Saved after what the pointer names: the kill fell between the two.
    save("iter_200.pth", time="20260102_120500")
    assert newest_checkpoint(str(tmp_path)) == str(tmp_path / "iter_200.pth")
    # A pointer to nothing says nothing.
    last.write_text("iter_7.pth")
    assert newest_checkpoint(str(tmp_path)) == str(tmp_path / "iter_1000.pth")


MODEL = dict(
    type="mmdenoise.Cascade",
    denoiser=dict(type="mmdenoise.DnCNN", depth=3),
    noise=dict(type="mmdenoise.GaussianNoise", sigma=(0, 60)),
    head="a/head.py",
    head_checkpoint="a/head.pth",
)


@pytest.mark.parametrize(
    "change, words",
    [
        (dict(noise=dict(type="mmdenoise.GaussianNoise", sigma=30)), "noise.sigma is"),
        (
            dict(denoiser=dict(type="mmdenoise.FFDNet")),
            "denoiser.type is mmd.*DnC",
        ),
        (dict(tap="backbone"), "model.tap is None, the config's backbone"),
        (dict(noise=None), "the config's None"),
    ],
)
def test_the_training_of_another_config(save, change, words):
    path = str(save("iter_1.pth", cfg=f"model = {MODEL!r}"))
    newest_checkpoint(os.path.dirname(path), model=MODEL)
    with pytest.raises(ValueError, match=f"iter_1.pth' is of another.*{words}"):
        newest_checkpoint(os.path.dirname(path), model=dict(MODEL, **change))


@pytest.mark.parametrize(
    "change",
    [
        dict(head="b/head.py", head_checkpoint="b/head.pth"),
        dict(denoiser_checkpoint=None),
        dict(noise=dict(type="mmdenoise.GaussianNoise", sigma=[0, 60])),
        dict(compile_denoiser=True, head_autocast=False),
        dict(denoiser_precision="bfloat16"),
    ],
)
def test_what_may_change_between_two_starts(save, change):
    path = str(save("iter_1.pth", cfg=f"model = {MODEL!r}"))
    newest_checkpoint(os.path.dirname(path), model=dict(MODEL, **change))


def test_a_checkpoint_without_a_record_is_believed(save):
    for meta in ({}, dict(cfg="model = f(1)")):
        path = str(save("iter_1.pth", **meta))
        assert newest_checkpoint(os.path.dirname(path), model=MODEL) == path


def test_what_a_new_training_finds(tmp_path, save, warnings):
    say_what_is_there(str(tmp_path / "gone"))
    say_what_is_there(str(tmp_path))
    assert warnings == []
    save("iter_5.pth")
    save("iter_10.pth")
    say_what_is_there(str(tmp_path))
    assert "holds 2 checkpoints of an earlier training, up to iter_10" in warnings[0][1]


# What a training is told to go on with


def test_none_is_none(tmp_path):
    assert checkpoint_to_resume(str(tmp_path / "gone")) is None
    (tmp_path / "best_iter_3.pth").write_bytes(b"")
    assert checkpoint_to_resume(str(tmp_path)) is None


def test_the_newest_that_opens(tmp_path, warnings):
    (tmp_path / "a [b]").mkdir()
    first = str(tmp_path / "a [b]" / "iter_1.pth")
    torch.save(dict(state_dict=dict(weight=torch.ones(100))), first)
    (tmp_path / "a [b]" / "iter_2.pth").write_bytes(b"cut")
    assert checkpoint_to_resume(str(tmp_path / "a [b]")) == first
    assert len(warnings) == 1 and "iter_2.pth" in warnings[0][1]


@pytest.mark.parametrize("name", ["iter_2.pth", "epoch_2.pth"])
def test_some_of_which_none_opens(tmp_path, warnings, name):
    """To start afresh in silence would overwrite what may be mended."""
    folder = tmp_path / "a [b]"
    folder.mkdir()
    (folder / name).write_bytes(b"cut")
    with pytest.raises(ValueError, match="none of the 1 checkpoints in .* opens"):
        checkpoint_to_resume(str(folder))
    assert len(warnings) == 1 and name in warnings[0][1]
