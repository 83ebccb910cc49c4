"""``mmdenoise train``: trains, goes on, and refuses what would not end well."""

import re

import pytest
import torch

from mmdenoise import precision
from tests.fixtures.commands import metrics_of

# On older versions of PyTorch one without the other is refused.
RESUME = ["--resume", "--trust-checkpoint"]


def test_train_test_and_resume(tool, tiny, tmp_path):
    first = tool("train", tiny.config)
    assert first.code == 0, first.err
    work = tmp_path / "work"
    kept = sorted(path.name for path in work.glob("*.pth"))
    assert kept == ["iter_1.pth", "iter_2.pth"]
    assert re.search(r"Iter\(train\) \[2/2\].* loss_task: [\d.]+", first.out)

    tested = metrics_of(tool("test", tiny.config, work / "iter_2.pth", out="test"))
    assert {"mIoU", "PSNR", "SSIM"} <= set(tested)

    # Killed in the middle of writing iter_2: it goes on from iter_1.
    whole = (work / "iter_2.pth").read_bytes()
    (work / "iter_2.pth").write_bytes(whole[: len(whole) // 2])
    resumed = tool("train", tiny.config, *RESUME, options=["train_cfg.max_iters=3"])
    assert resumed.code == 0, resumed.err
    assert "resumed epoch: 0, iter: 1" in resumed.out
    assert "passed over" in resumed.out and "iter_2.pth" in resumed.out
    assert re.findall(r"Iter\(train\) \[(\d)/3\]", resumed.out) == ["2", "3"]
    assert {path.name for path in work.glob("*.pth")} >= {"iter_2.pth", "iter_3.pth"}


def test_resume_where_there_is_nothing_starts_from_the_beginning(tool, tiny):
    run = tool("train", tiny.config, *RESUME, options=["train_cfg.max_iters=1"])
    assert run.code == 0, run.err
    assert "Iter(train) [1/1]" in run.out


def test_a_folder_that_another_training_used(tool, tiny, tmp_path):
    short = ["train_cfg.max_iters=1"]
    assert "earlier training" not in tool("train", tiny.config, options=short).out
    other = [*short, "model.noise.sigma=5"]
    run = tool("train", tiny.config, "--resume", options=other)
    assert "iter_1.pth' is of another training: its model.noise.sigma is" in run.error
    run = tool("train", tiny.config, options=other)
    assert run.code == 0, run.err
    assert "holds 1 checkpoints of an earlier training, up to iter_1.pth" in run.out
    assert tool("train", tiny.config, "--resume", options=other).code == 0


def test_resuming_runs_no_text(tool, tiny, tmp_path):
    """MMEngine executes ``meta.config``, a config's text, where there is one."""
    assert tool("train", tiny.config, options=["train_cfg.max_iters=1"]).code == 0
    path = tmp_path / "work" / "iter_1.pth"
    saved = torch.load(path, weights_only=False)
    saved["meta"]["config"] = f"import os\nos.mkdir({str(tmp_path / 'mark')!r})\n"
    torch.save(saved, path)
    run = tool("train", tiny.config, *RESUME)
    assert run.code == 0, run.err
    assert "resumed epoch: 0, iter: 1" in run.out
    assert not (tmp_path / "mark").exists()


def test_what_is_plain_needs_no_trust(tool, tiny, tmp_path):
    """Nor is it unpickled where it is trusted."""
    first = tool("train", tiny.config, options=["train_cfg.max_iters=1"])
    assert first.code == 0, first.err
    run = tool("train", tiny.config, *RESUME)
    assert run.code == 0, run.err
    assert "resumed epoch: 0, iter: 1" in run.out
    assert "it is trusted" not in run.out
    assert (tmp_path / "work" / "iter_2.pth").is_file()


def test_trust_without_resuming_is_refused(tool, tiny):
    found = tool("train", tiny.config, "--trust-checkpoint").error
    assert found.startswith("--trust-checkpoint goes with --resume")


def test_resuming_from_nothing_but_what_is_cut_short(tool, tiny, cut, tmp_path):
    """It does not begin again in silence, and over what may be mended."""
    (tmp_path / "work").mkdir()
    cut.rename(tmp_path / "work" / "iter_1.pth")
    run = tool("train", tiny.config, *RESUME)
    assert "none of the 1 checkpoints" in run.error
    assert "cannot read" in run.out and "iter_1.pth" in run.out


def test_an_unknown_tap(tool, tiny):
    run = tool("train", tiny.config, options=["model.tap=backbone.layer9"])
    found = run.error
    assert found.startswith("tap: the head has no module 'backbone.layer9'")
    assert "did you mean backbone.layer" in found
    for name in ("backbone.layer1", "backbone.layer4", "decode_head"):
        assert name in found


@pytest.mark.parametrize(
    "value, message",
    [
        ("-1", "sigma must not be negative, got -1"),
        ("nan", "sigma must be a finite number"),
        ("inf", "sigma must be a finite number"),
        ("(60,0)", "needs low <= high"),
    ],
)
def test_a_wrong_noise_level(tool, tiny, value, message):
    run = tool("train", tiny.config, options=[f"model.noise.sigma={value}"])
    assert message in run.error


@pytest.mark.parametrize("name", ["perceptual", "task", "reconstruction"])
@pytest.mark.parametrize("value", ["-0.5", "nan"])
def test_a_wrong_loss_weight(tool, tiny, name, value):
    run = tool("train", tiny.config, options=[f"model.loss.{name}={value}"])
    expected = f"loss weight {name} must be finite and not negative, got {value}"
    assert run.error == expected


@pytest.mark.skipif(torch.cuda.is_available(), reason="for machines without a GPU")
def test_mixed_precision_without_a_gpu(tiny, tool, monkeypatch):
    expected = "--precision float16 needs a GPU, and there is none"
    assert tool("train", tiny.config, "--amp").error.startswith(expected)
    monkeypatch.setattr(precision, "_cpu_has_it", lambda: False)
    error = tool("train", tiny.config, "--precision", "bfloat16").error
    assert error.startswith("precision 'bfloat16': the device 'cpu' has no instruct")
    error = tool(
        "train", tiny.config, options=["optim_wrapper.type=AmpOptimWrapper"]
    ).error
    assert "needs a GPU, and there is none: choose another, or say --prec" in error


def test_compiling_everything_is_refused(tiny, tool):
    error = tool("train", tiny.config, options=["compile=True"]).error
    assert "set model.compile_denoiser=True" in error
