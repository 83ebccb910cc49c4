"""``mmdenoise test``: scores as the host does, and keeps predictions."""

import errno
import os

import pytest

from tests.fixtures.commands import metrics_of


def test_the_identity_cascade_scores_as_its_head(tool, tiny):
    """Promise 12, through the tool, on batches that the head pads."""
    bare = metrics_of(tool("test", tiny.head, tiny.head_checkpoint))
    cascade = metrics_of(tool("test", tiny.identity))
    assert set(bare) == {"aAcc", "mIoU", "mAcc"}
    assert {name: cascade[name] for name in bare} == bare
    assert cascade["PSNR"] == "inf"
    noisy = metrics_of(tool("test", tiny.identity, options=["model.noise.sigma=60"]))
    assert noisy["aAcc"] != bare["aAcc"]


def test_predictions_can_be_kept(tool, tiny, tmp_path):
    run = tool("test", tiny.identity, "--out", tmp_path / "found.pkl")
    assert run.code == 0, run.err
    assert (tmp_path / "found.pkl").stat().st_size > 0


def test_a_missing_checkpoint_on_the_command_line(tool, tiny):
    found = tool("test", tiny.config, "gone.pth").error
    assert found == "checkpoint: there is no file 'gone.pth'"


@pytest.mark.parametrize("workers", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_a_truncated_image_is_named(tool, tiny, truncated, workers):
    folder, path = truncated
    options = [
        f"test_dataloader.dataset.data_root={folder}",
        f"test_dataloader.num_workers={workers}",
    ]
    found = tool("test", tiny.identity, options=options).error
    assert found.startswith(f"cannot read the image '{path}': ")


def test_predictions_that_do_not_fit_on_the_disk_leave_the_old_ones(
    tool, tiny, tmp_path, monkeypatch
):
    def fail(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("mmengine.evaluator.metric.dump", fail)
    path = tmp_path / "found.pkl"
    path.write_text("old")
    found = tool("test", tiny.identity, "--out", path, "--overwrite").error
    assert found == f"{str(path)!r}: {os.strerror(errno.ENOSPC)}"
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.glob("*found*")] == ["found.pkl"]
