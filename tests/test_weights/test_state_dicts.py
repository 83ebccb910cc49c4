"""What files of weights mean: whose they are, what fits, what is the same."""

import pytest
import torch
from safetensors.torch import save_file

from mmdenoise.weights import state_dicts
from mmdenoise.weights.state_dicts import (
    class_names_in,
    denoiser_weights,
    is_cascade,
    read_state_dict,
)


@pytest.fixture
def weights():
    return {"conv.weight": torch.rand(2, 3), "conv.bias": torch.rand(2)}


def same(one, other):
    return set(one) == set(other) and all(torch.equal(one[k], other[k]) for k in one)


def test_kinds_of_files(tmp_path, weights):
    torch.save(weights, tmp_path / "bare.pth")
    torch.save(dict(state_dict=weights, meta={}), tmp_path / "wrapped.pth")
    torch.save(weights, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    torch.save({f"module.{k}": v for k, v in weights.items()}, tmp_path / "ddp.pth")
    save_file(weights, tmp_path / "some.safetensors")
    for path in sorted(tmp_path.iterdir()):
        assert same(read_state_dict(str(path)), weights), path.name


@pytest.mark.parametrize(
    "wrap",
    [
        lambda w: {"module._orig_mod." + k: v for k, v in w.items()},
        lambda w: {"_orig_mod.module." + k: v for k, v in w.items()},
        lambda w: {k.replace("conv.", "conv._orig_mod."): v for k, v in w.items()},
        lambda w: dict(model=w, epoch=3, optimizer={}),
        lambda w: dict(model_state_dict=w),
        lambda w: dict(params=w),
        lambda w: dict(model=w, model_ema={k: v + 1 for k, v in w.items()}),
        lambda w: dict(ema_state_dict={"module." + k: v for k, v in w.items()}),
        lambda w: dict(
            model_ema={
                "n_averaged": torch.tensor(3),
                **{"module." + k: v for k, v in w.items()},
            }
        ),
        lambda w: {"state_dict": w, "pytorch-lightning_version": "2.0", "loops": {}},
    ],
)
def test_wrappings_that_users_bring(tmp_path, weights, wrap):
    torch.save(wrap(weights), tmp_path / "x.pth")
    assert same(read_state_dict(str(tmp_path / "x.pth")), weights)


def test_which_of_two_is_taken_is_said(tmp_path, weights, monkeypatch):
    said = []
    monkeypatch.setattr(state_dicts, "print_log", lambda text, **_: said.append(text))
    other = {key: value + 1 for key, value in weights.items()}
    torch.save(dict(model=weights, model_ema=other), tmp_path / "x.pth")
    read_state_dict(str(tmp_path / "x.pth"))
    assert "x.pth': the last, not the averaged, weights are taken (model)" in said[0]
    torch.save(dict(model_ema=other), tmp_path / "x.pth")
    assert same(read_state_dict(str(tmp_path / "x.pth")), other)
    assert "the averaged weights are taken (model_ema)" in said[1]
    # As MMEngine's hook saves them: no choice, and nothing to say.
    torch.save(dict(state_dict=weights, ema_state_dict=other), tmp_path / "x.pth")
    assert same(read_state_dict(str(tmp_path / "x.pth")), weights)
    assert len(said) == 2


def test_what_is_not_understood_is_named(tmp_path, weights):
    torch.save(dict(generator=weights, critic=weights), tmp_path / "x.pth")
    with pytest.raises(ValueError, match="it holds dicts called generator, critic"):
        read_state_dict(str(tmp_path / "x.pth"))
    twice = {"a.b": torch.ones(1), "a._orig_mod.b": torch.ones(1)}
    torch.save(twice, tmp_path / "x.pth")
    with pytest.raises(ValueError, match="holds a.b twice, compiled or not"):
        read_state_dict(str(tmp_path / "x.pth"))


def test_a_prefix_of_some_keys_stays(tmp_path):
    state = {"module.a": torch.ones(1), "b": torch.ones(1)}
    torch.save(state, tmp_path / "some.pth")
    assert set(read_state_dict(str(tmp_path / "some.pth"))) == {"module.a", "b"}


@pytest.mark.parametrize(
    "content", [[1, 2], {}, {"a": 1}, {"state_dict": {}}, {3: torch.ones(1)}]
)
def test_files_without_weights(tmp_path, content):
    torch.save(content, tmp_path / "x.pth")
    with pytest.raises(ValueError, match="head_checkpoint: '.*x.pth' holds no weights"):
        read_state_dict(str(tmp_path / "x.pth"), "head_checkpoint")


def test_a_file_that_does_not_open_is_named(tmp_path):
    (tmp_path / "x.pth").write_bytes(b"cut")
    with pytest.raises(ValueError, match="head_checkpoint: .*x.pth"):
        read_state_dict(str(tmp_path / "x.pth"), "head_checkpoint")


def test_denoiser_weights_of_a_cascade_and_bare(weights):
    cascade = {f"denoiser.{k}": v for k, v in weights.items()}
    cascade.update(
        {"head.conv.weight": torch.ones(1), "head_fingerprint": torch.ones(1)}
    )
    assert same(denoiser_weights(cascade), weights)
    assert same(denoiser_weights(weights), weights)
    assert is_cascade(cascade) and not is_cascade(weights)
    # A cascade whose denoiser has no weights.
    identity = dict(head_fingerprint=torch.ones(1))
    assert is_cascade(identity) and denoiser_weights(identity) == {}


def test_class_names_of_a_checkpoint():
    names = ("sky", "cat")
    for meta in (
        dict(dataset_meta=dict(classes=names)),
        dict(dataset_meta=dict(CLASSES=list(names))),
        dict(CLASSES=names),
    ):
        assert class_names_in(dict(meta=meta)) == names
    for other in (None, {}, dict(meta=3), dict(meta=dict(CLASSES=[1, 2]))):
        assert class_names_in(other) is None
    assert class_names_in(dict(meta=dict(dataset_meta=None, CLASSES=()))) is None
