"""What files of weights mean: whose they are, what fits, what is the same."""

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from mmdenoise.weights import state_dicts
from mmdenoise.weights.fingerprint import fingerprint
from mmdenoise.weights.state_dicts import (
    denoiser_weights,
    is_cascade,
    read_state_dict,
)
from mmdenoise.weights.strict_loading import (
    load_strictly,
    mismatch,
    refuse_not_finite,
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


@pytest.mark.parametrize("prefix", ["model.", "net.", "netG."])
def test_a_network_a_level_deeper_fits(prefix):
    module = nn.Linear(3, 2)
    state = {prefix + k: torch.rand_like(v) for k, v in module.state_dict().items()}
    load_strictly(module, state, "it")
    assert torch.equal(module.weight, state[f"{prefix}weight"])
    state["loss.weight"] = torch.ones(1)
    with pytest.raises(RuntimeError, match="it holds .*loss"):
        load_strictly(module, state, "it")


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


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_weights_that_are_no_numbers(weights, value):
    state = dict(weights, count=torch.tensor(3), half=torch.ones(2).half())
    assert refuse_not_finite(state, "it") is None
    state["conv.bias"][1] = value
    with pytest.raises(ValueError, match="it holds NaN or infinite .* conv.bias$"):
        refuse_not_finite(state, "it")


def test_mismatch_names_the_keys():
    expected = {f"k{i}": torch.zeros(2, 3) for i in range(6)}
    given = {"k0": torch.zeros(3, 2), "k1": torch.zeros(2, 3), "other": torch.zeros(1)}
    assert mismatch(expected, given) == (
        "missing: k2, k3, k4 and 1 more; unknown: other; "
        "wrong shape: k0 (3, 2) instead of (2, 3)"
    )
    assert mismatch(expected, expected) == ""
    assert mismatch({"bn.num_batches_tracked": torch.zeros(())}, {}) == ""


def test_load_strictly():
    module = nn.Linear(3, 2)
    state = {k: torch.rand_like(v) for k, v in module.state_dict().items()}
    load_strictly(module, state, "it")
    assert same(module.state_dict(), state)
    for change, words in (
        (lambda s: s.pop("bias"), "it does not fit: missing: bias"),
        (lambda s: s.update(scale=torch.ones(1)), "it does not fit: unknown: scale"),
        (
            lambda s: s.update(bias=torch.ones(3)),
            r"it does not fit: wrong shape: bias \(3,\) instead of \(2,\)",
        ),
    ):
        wrong = dict(state)
        change(wrong)
        with pytest.raises(RuntimeError, match=words) as error:
            load_strictly(module, wrong, "it")
        assert "\n" not in str(error.value)


def test_weights_of_something_else_are_called_by_name():
    module = nn.Linear(3, 2)
    network = {"backbone.a": torch.ones(1), "backbone.b": torch.ones(1)}
    network["decode_head.c"] = torch.ones(1)
    with pytest.raises(RuntimeError) as error:
        load_strictly(module, network, "it")
    found = "it does not fit: it holds backbone.*, decode_head.*, not weight.*, bias.*"
    assert str(error.value) == found
    with pytest.raises(RuntimeError, match="it holds a cascade's denoiser, not weight"):
        load_strictly(module, {"denoiser.a": torch.ones(1)}, "it")


def test_load_strictly_passes_over_buffers_that_are_not_kept():
    module = nn.Linear(3, 2)
    module.register_buffer("mean", torch.zeros(3), persistent=False)
    state = dict(module.state_dict(), mean=torch.ones(3))
    load_strictly(module, state, "it")
    assert torch.equal(module.mean, torch.zeros(3))


def test_fingerprint_sees_everything_but_the_order(weights):
    print_ = fingerprint(weights)
    assert print_.dtype == torch.uint8 and print_.shape == (32,)
    assert torch.equal(print_, fingerprint(dict(reversed(weights.items()))))
    channels_last = torch.rand(2, 3, 4, 5)
    assert torch.equal(
        fingerprint(dict(a=channels_last)),
        fingerprint(dict(a=channels_last.to(memory_format=torch.channels_last))),
    )
    weight = weights["conv.weight"]
    nudged = weight.clone()
    nudged[1, 2] = torch.nextafter(nudged[1, 2], torch.tensor(2.0))
    others = [
        dict(weights, **{"conv.weight": nudged}),
        dict(weights, **{"conv.weight": weight.double()}),
        dict(weights, **{"conv.weight": weight.view(3, 2)}),
        {"conv.weight": weight},
        {"conv.weight": weight, "conv.bia": weights["conv.bias"]},
    ]
    for other in others:
        assert not torch.equal(print_, fingerprint(other))
    scalar = dict(n=torch.tensor(3), none=torch.zeros(0))
    assert fingerprint(scalar).shape == (32,)
