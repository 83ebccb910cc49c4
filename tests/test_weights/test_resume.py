"""The checkpoint from which an interrupted training goes on."""

import logging

import pytest
import torch

from mmdenoise.weights.resume import newest_checkpoint


@pytest.fixture
def save(tmp_path):
    def write(name):
        path = tmp_path / name
        torch.save(dict(state_dict=dict(weight=torch.ones(100)), meta={}), path)
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
