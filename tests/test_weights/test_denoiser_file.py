"""Denoiser files: bit for bit the weights, and what they are."""

import json

import pytest
import torch
from safetensors import safe_open

from mmdenoise.version import __version__
from mmdenoise.weights.denoiser_file import (
    read_denoiser_info,
    whole_config,
    write_denoiser_file,
)
from mmdenoise.weights.fingerprint import fingerprint
from mmdenoise.weights.named_weights import load_denoiser_weights
from mmdenoise.weights.state_dicts import read_state_dict
from tests.fixtures.weights import SMALL, build_small, same

KINDS = pytest.mark.parametrize("kind", ["safetensors", "pth"])


def test_weights_come_back_bit_for_bit(denoiser_file, network):
    state = network.state_dict()
    found = read_state_dict(denoiser_file)
    assert same(found, state)
    assert all(found[key].dtype == state[key].dtype for key in state)
    other = build_small()
    load_denoiser_weights(other, denoiser_file, SMALL)
    assert same(other.state_dict(), state)


def test_what_it_says_of_itself(denoiser_file):
    info = read_denoiser_info(denoiser_file)
    denoiser = json.loads(info.pop("denoiser"))
    # Defaults may change; what the weights were trained as does not.
    assert denoiser == dict(
        SMALL,
        scales=3,
        global_skip=True,
        downsample="conv",
        fusion="concat",
        norm_cfg=dict(type="BN"),
        takes_sigma=False,
        sigma=None,
    )
    assert json.loads(info.pop("noise")) == dict(
        type="mmdenoise.GaussianNoise", sigma=[0, 60]
    )
    head = fingerprint(dict(a=torch.ones(2)))
    assert info == dict(
        mmdenoise_format="1",
        value_range="RGB [0, 1]",
        sigma_unit="8-bit",
        head_fingerprint="".join(f"{byte:02x}" for byte in head.tolist()),
        iteration="1500",
        weights="averaged",
        mmdenoise_version=__version__,
    )


@KINDS
def test_what_is_not_known_is_not_there(tmp_path, network, kind):
    path = str(tmp_path / f"x.{kind}")
    written = write_denoiser_file(path, network.state_dict(), SMALL)
    assert read_denoiser_info(path) == written
    assert {"noise", "head_fingerprint", "iteration"}.isdisjoint(written)
    assert written["weights"] == "last"


def test_other_readers(tmp_path, network):
    """Plain PyTorch and plain safetensors, without this package."""
    path = str(tmp_path / "x.pth")
    write_denoiser_file(path, network.state_dict(), SMALL)
    content = torch.load(path, weights_only=True)
    assert set(content) == {"state_dict", "meta"}
    assert all(type(value) is str for value in content["meta"].values())
    path = str(tmp_path / "x.safetensors")
    write_denoiser_file(path, network.state_dict(), SMALL)
    with safe_open(path, "pt") as file:
        assert file.metadata()["format"] == "pt"
        assert set(file.keys()) == set(network.state_dict())


def test_files_that_are_no_denoiser_files(tmp_path, network):
    torch.save(network.state_dict(), tmp_path / "bare.pth")
    torch.save(dict(state_dict={}, meta=dict(epoch=1)), tmp_path / "mmengine.pth")
    for path in tmp_path.iterdir():
        assert read_denoiser_info(str(path)) is None
    load_denoiser_weights(build_small(), str(tmp_path / "bare.pth"), SMALL)


def test_nothing_is_half_written(tmp_path, network, monkeypatch):
    path = tmp_path / "x.safetensors"
    path.write_bytes(b"before")

    def fail(state, path, metadata):
        with open(path, "wb") as file:
            file.write(b"half")
        raise OSError("No space left on device")

    monkeypatch.setattr("mmdenoise.weights.denoiser_file.save_file", fail)
    with pytest.raises(OSError, match="No space"):
        write_denoiser_file(str(path), network.state_dict(), SMALL)
    assert path.read_bytes() == b"before" and len(list(tmp_path.iterdir())) == 1


def test_nan_is_neither_written_nor_loaded(tmp_path, network):
    state = network.state_dict()
    state["stem.bias"][0] = float("nan")
    path = str(tmp_path / "x.pth")
    with pytest.raises(ValueError, match="written holds NaN.* stem.bias"):
        write_denoiser_file(path, state, SMALL)
    assert list(tmp_path.iterdir()) == []
    torch.save(state, path)
    with pytest.raises(ValueError, match="x.pth' holds NaN.* stem.bias"):
        load_denoiser_weights(build_small(), path, SMALL)


@pytest.mark.parametrize("name", ["x.pt", "x", "x.safetensors.gz"])
def test_other_endings(tmp_path, network, name):
    with pytest.raises(ValueError, match="ends in .safetensors or .pth, not as"):
        write_denoiser_file(str(tmp_path / name), network.state_dict(), SMALL)


def test_whole_config_leaves_what_it_was_given():
    config = dict(SMALL)
    assert whole_config(config)["scales"] == 3
    assert config == SMALL
