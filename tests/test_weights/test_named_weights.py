"""Any name becomes weights, which say what they are and go where they fit."""

import pytest
import torch

from mmdenoise.registry import MODELS
from mmdenoise.weights.denoiser_file import (
    whole_config,
    write_denoiser_file,
)
from mmdenoise.weights.named_weights import find_weights, load_denoiser_weights
from tests.fixtures.weights import SMALL, build_small, same

KINDS = pytest.mark.parametrize("kind", ["safetensors", "pth"])


@pytest.mark.parametrize(
    "options, theirs, ours",
    [
        # Weights of the same shapes, and another result.
        (dict(global_skip=False), "global_skip=True", "global_skip=False"),
        (dict(norm_cfg=dict(type="BN", eps=1e-3)), "{'type': 'BN'}", "0.001"),
        (dict(stem_channels=8), "stem_channels=4", "stem_channels=8"),
        (dict(scales=2, fusion="sum"), "scales=3, .*'concat'", "scales=2, .*'sum'"),
    ],
)
def test_another_architecture(denoiser_file, options, theirs, ours):
    network = build_small(**options)
    before = {k: v.clone() for k, v in network.state_dict().items()}
    kind = "mmdenoise.MultiScaleDenoiser"
    words = rf"file of {kind}\(.*{theirs}.*\), and the config builds {kind}\(.*{ours}"
    with pytest.raises(RuntimeError, match=words) as error:
        load_denoiser_weights(network, denoiser_file, dict(SMALL, **options))
    assert f"denoiser_checkpoint {denoiser_file!r}" in str(error.value)
    assert same(network.state_dict(), before)


def test_another_denoiser(denoiser_file):
    config = dict(type="mmdenoise.IdentityDenoiser")
    with pytest.raises(RuntimeError, match="MultiScaleDenoiser.*builds mmdenoise.Iden"):
        load_denoiser_weights(MODELS.build(config), denoiser_file, config)


@pytest.mark.parametrize(
    "config",
    [
        dict(SMALL, scales=3, norm_cfg=dict(type="BN")),
        dict(SMALL, norm_cfg=dict(type="SyncBN", requires_grad=False)),
        dict(SMALL, type=type(build_small())),
    ],
)
def test_the_same_architecture_in_other_words(denoiser_file, network, config):
    other = build_small()
    load_denoiser_weights(other, denoiser_file, config)
    assert same(other.state_dict(), network.state_dict())


@KINDS
@pytest.mark.parametrize(
    "change, words",
    [
        (dict(mmdenoise_format="2"), "denoiser file of format 2; .* knows format 1"),
        (dict(denoiser="{"), "metadata are not readable"),
        (
            dict(denoiser='{"type": "mmdenoise.Gone"}'),
            "holds a 'mmdenoise.Gone'; a file may",
        ),
    ],
)
def test_metadata_nobody_here_can_read(tmp_path, network, kind, change, words):
    from safetensors.torch import save_file

    path = str(tmp_path / f"x.{kind}")
    info = dict(write_denoiser_file(path, network.state_dict(), SMALL), **change)
    if kind == "pth":
        torch.save(dict(state_dict=network.state_dict(), meta=info), path)
    else:
        save_file(network.state_dict(), path, metadata=info)
    with pytest.raises(RuntimeError, match=words):
        load_denoiser_weights(build_small(), path, SMALL)


def test_the_weights_of_another_module(tmp_path, network):
    path = str(tmp_path / "cascade.pth")
    state = {f"denoiser.{key}": value for key, value in network.state_dict().items()}
    torch.save(state, path)
    other = build_small()
    load_denoiser_weights(other, path, SMALL)
    assert same(other.state_dict(), network.state_dict())
    torch.save({"backbone.conv1.weight": torch.ones(1)}, path)
    with pytest.raises(RuntimeError, match="it holds backbone.*, not stem"):
        load_denoiser_weights(build_small(), path, SMALL)


def test_what_a_name_stands_for(tmp_path, network):
    """Of each kind of file: its weights, whose they are, and what it says."""
    state = network.state_dict()
    whole = {f"denoiser.{key}": value for key, value in state.items()}
    text = f"model = dict(type='mmdenoise.Cascade', denoiser={SMALL!r})"
    write_denoiser_file(str(tmp_path / "file.safetensors"), state, SMALL)
    torch.save(dict(state_dict=whole, meta=dict(cfg=text)), tmp_path / "cascade.pth")
    torch.save(state, tmp_path / "bare.pth")
    dncnn = MODELS.build(dict(type="mmdenoise.DnCNN", depth=3, channels=4))
    torch.save(dncnn.state_dict(), tmp_path / "authors.pth")
    found = {path.stem: find_weights(str(path)) for path in tmp_path.iterdir()}
    for name in ("file", "cascade", "bare"):
        assert same(found[name].denoiser_state, state)
        assert found[name].is_cascade == (name == "cascade")
        assert (found[name].info is None) == (name != "file")
    assert found["file"].recorded_denoiser() == whole_config(SMALL)
    assert found["cascade"].recorded_denoiser() == SMALL
    assert found["bare"].recorded_denoiser() is None
    authors = found["authors"].recorded_denoiser()
    assert (authors["type"], authors["depth"]) == ("mmdenoise.DnCNN", 3)
    assert find_weights("multiscale_blind").info["mmdenoise_format"] == "1"
    with pytest.raises(FileNotFoundError, match="head_checkpoint: there is no file"):
        find_weights("gone.pth", "head_checkpoint")
