"""Files of weights that do not fit, in every command: one line that names them."""

from pathlib import Path

import pytest
import torch


@pytest.mark.parametrize("option", ["head_checkpoint", "denoiser_checkpoint"])
@pytest.mark.parametrize("name", ["train", "test"])
def test_a_missing_file_of_weights(tool, tiny, name, option):
    run = tool(name, tiny.config, options=[f"model.{option}=gone.pth"])
    assert run.error == f"{option}: there is no file 'gone.pth'"


def spoil(state, how, key):
    if how == "missing":
        del state[key]
        return f"missing: {key}"
    if how == "unknown":
        state[f"{key}_foreign"] = torch.zeros(1)
        return f"unknown: {key}_foreign"
    shape = tuple(state[key].shape)
    state[key] = torch.zeros(7, 7)
    return f"wrong shape: {key} (7, 7) instead of {shape}"


HOW = pytest.mark.parametrize("how", ["missing", "unknown", "wrong shape"])


@HOW
def test_a_head_checkpoint_that_does_not_fit(tool, tiny, tmp_path, how):
    saved = torch.load(tiny.head_checkpoint)
    expected = spoil(saved["state_dict"], how, "decode_head.conv_seg.weight")
    path = str(tmp_path / "bad.pth")
    torch.save(saved, path)
    run = tool("test", tiny.config, options=[f"model.head_checkpoint={path}"])
    assert run.error == f"head_checkpoint {path!r} does not fit: {expected}"


@HOW
def test_a_denoiser_checkpoint_that_does_not_fit(tool, tiny, tmp_path, how):
    state = torch.load(tiny.denoiser)
    expected = spoil(state, how, "denoiser.stem.bias").replace("denoiser.", "")
    path = str(tmp_path / "bad.pth")
    torch.save(state, path)
    run = tool("train", tiny.config, options=[f"model.denoiser_checkpoint={path}"])
    assert run.error == f"denoiser_checkpoint {path!r} does not fit: {expected}"


@HOW
def test_a_tested_checkpoint_that_does_not_fit(tool, tiny, tmp_path, how):
    """Through MMEngine's own loader, which would let it pass with a warning."""
    state = torch.load(tiny.denoiser)
    expected = spoil(state, how, "denoiser.stem.bias").replace("denoiser.", "")
    torch.save(dict(state_dict=state, meta={}), tmp_path / "bad.pth")
    found = tool("test", tiny.config, tmp_path / "bad.pth").error
    path = str(tmp_path / "bad.pth")
    assert found == f"{path!r}: the checkpoint's denoiser does not fit: {expected}"


def test_a_checkpoint_cut_short_is_named(tool, tiny, cut):
    photo = next(Path(tiny.data, "JPEGImages").glob("*.png"))
    for run in (
        tool("train", tiny.config, options=[f"load_from={cut}"]),
        tool("train", tiny.config, options=[f"model.denoiser_checkpoint={cut}"]),
        tool("test", tiny.config, cut),
        tool("test", tiny.head, cut),
        tool("predict", tiny.config, cut, photo),
        tool("compare", tiny.config, "--denoiser", f"a={cut}"),
        tool("export", cut, "out.pth"),
    ):
        assert f"cannot read {str(cut)!r}" in run.error


def test_a_denoiser_that_came_apart(tool, tiny, tmp_path):
    state = torch.load(tiny.denoiser, weights_only=True)
    state["denoiser.stem.bias"][1] = float("nan")
    path = str(tmp_path / "nan.pth")
    torch.save(state, path)
    what = "holds NaN or infinite values in stem.bias"
    for run in (
        tool("train", tiny.config, options=[f"load_from={path}"]),
        tool("test", tiny.config, path),
    ):
        assert run.error == f"{path!r}: the checkpoint's denoiser {what}"
    run = tool("test", tiny.config, options=[f"model.denoiser_checkpoint={path}"])
    assert run.error == f"denoiser_checkpoint {path!r} {what}"


def test_what_is_no_denoiser_is_called_by_name(tool, tiny):
    found = tool("test", tiny.config, tiny.head_checkpoint).error
    assert "it holds backbone.*, decode_head.*, auxiliary_head.*, not stem.*" in found
    option = [f"model.head_checkpoint={tiny.denoiser}"]
    found = tool("test", tiny.config, options=option).error
    assert "it holds a cascade's denoiser, not backbone.*" in found


def test_compare_says_how_denoisers_are_given(tool, tiny):
    found = tool("compare", tiny.config, "--denoiser", "joint.pth").error
    assert found == "--denoiser takes NAME=SOURCE, got 'joint.pth'"
    run = tool("compare", tiny.config, "--denoiser", "joint=gone.pth")
    assert run.error == "joint: checkpoint: there is no file 'gone.pth'"
