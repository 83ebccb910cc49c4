"""A denoiser taken out of the checkpoints that training writes."""

import copy
import json

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner

from mmdenoise.config_files import open_config
from mmdenoise.registry import MODELS
from mmdenoise.weights.denoiser_file import read_denoiser_info
from mmdenoise.weights.export import export_denoiser
from mmdenoise.weights.fingerprint import fingerprint
from mmdenoise.weights.named_weights import load_denoiser_weights
from mmdenoise.weights.state_dicts import read_state_dict

SMALL = dict(encoder_channels=8, decoder_channels=8, stem_channels=4)


@pytest.fixture
def cfg(world):
    cfg = world.config("mmdenoise.MultiScaleDenoiser")
    cfg.model.denoiser.update(SMALL)
    return cfg


@pytest.fixture
def written(cfg, tmp_path):
    """Write a checkpoint as training does; return its path and its denoiser."""

    def write(change=lambda content: None, **model):
        torch.manual_seed(1)
        cascade = MODELS.build(dict(cfg.model, **model))
        content = dict(
            meta=dict(cfg=cfg.pretty_text, iter=7),
            state_dict=cascade.state_dict(),
        )
        change(content)
        path = str(tmp_path / "iter_7.pth")
        torch.save(content, path)
        return path, cascade.denoiser.state_dict()

    return write


def same(one, other):
    return set(one) == set(other) and all(torch.equal(one[k], other[k]) for k in one)


@pytest.mark.parametrize("kind", ["safetensors", "pth"])
def test_a_cascades_checkpoint_is_enough(written, cfg, world, tmp_path, kind):
    path, state = written()
    out = str(tmp_path / f"out.{kind}")
    info = export_denoiser(path, out)
    assert read_denoiser_info(out) == info
    assert same(read_state_dict(out), state)
    assert info["iteration"] == "7" and info["weights"] == "last"
    assert json.loads(info["noise"])["sigma"] == 60
    assert SMALL.items() <= json.loads(info["denoiser"]).items()
    head = MODELS.build(dict(Config.fromfile(world.head).model, _scope_="mmseg"))
    head.load_state_dict(read_state_dict(world.head_checkpoint))
    assert info["head_fingerprint"] == bytes(fingerprint(head.state_dict())).hex()
    again = MODELS.build(cfg.model.denoiser)
    load_denoiser_weights(again, out, cfg.model.denoiser)
    assert same(again.state_dict(), state)


def test_a_config_by_name_wins(written, cfg, tmp_path):
    out = str(tmp_path / "out.pth")
    other = copy.deepcopy(cfg)
    other.model.noise.sigma = 15
    path, state = written(lambda content: content["meta"].pop("cfg"))
    with pytest.raises(ValueError, match="name the training's config with --config"):
        export_denoiser(path, out)
    info = export_denoiser(path, out, other)
    assert json.loads(info["noise"])["sigma"] == 15
    path, state = written()
    assert json.loads(export_denoiser(path, out, other)["noise"])["sigma"] == 15
    other.model.denoiser.stem_channels = 8
    with pytest.raises(RuntimeError, match="iter_7.pth' does not fit: .*stem.weight"):
        export_denoiser(path, out, other)


def test_a_config_without_a_cascade(written, tmp_path):
    path, _ = written()
    for cfg in (Config(dict(a=1)), Config(dict(model=dict(type="A")))):
        with pytest.raises(ValueError, match="the config describes no cascade"):
            export_denoiser(path, str(tmp_path / "out.pth"), cfg)


def test_a_denoiser_by_itself(cfg, tmp_path):
    cfg.model.update(type="mmdenoise.Cascade", head=None, tap=None, noise=None)
    del cfg.model["loss"], cfg.model["head_checkpoint"]
    cascade = MODELS.build(cfg.model)
    path, out = str(tmp_path / "x.pth"), str(tmp_path / "out.safetensors")
    for state in (cascade.state_dict(), cascade.denoiser.state_dict()):
        torch.save(state, path)
        info = export_denoiser(path, out, cfg)
        assert {"head_fingerprint", "noise", "iteration"}.isdisjoint(info)
        assert same(read_state_dict(out), cascade.denoiser.state_dict())


@pytest.mark.parametrize("stored", [True, False])
def test_a_checkpoint_with_its_head(written, world, tmp_path, stored):
    own = read_state_dict(world.head_checkpoint)

    def fill(content):
        state = content["state_dict"]
        state.update((f"head.{key}", value) for key, value in own.items())
        # As some versions of MMEngine write it.
        state["head.data_preprocessor.mean"] = torch.ones(3)
        if not stored:
            del state["head_fingerprint"]

    path, state = written(fill)
    info = export_denoiser(path, str(tmp_path / "out.pth"))
    assert info["head_fingerprint"] == bytes(fingerprint(own)).hex()
    assert same(read_state_dict(str(tmp_path / "out.pth")), state)


def test_averaged_weights(cfg, tmp_path):
    """MMEngine's hook swaps as it saves: what stands where is measured here."""
    cfg.merge_from_dict(
        dict(
            work_dir=str(tmp_path),
            experiment_name=tmp_path.name,
            train_cfg=dict(type="IterBasedTrainLoop", max_iters=3),
            optim_wrapper=dict(optimizer=dict(type="SGD", lr=0.1)),
            custom_hooks=[dict(type="EMAHook", momentum=0.25)],
            default_hooks=dict(
                checkpoint=dict(type="CheckpointHook", interval=3, by_epoch=False)
            ),
            randomness=dict(seed=0),
        )
    )
    # L_D alone: this is about which weights, not about how they came to be.
    cfg.model.loss.update(perceptual=0, task=0)
    for part in ("test_dataloader", "test_cfg", "test_evaluator"):
        cfg.pop(part)
    seen = []

    class Runner_(Runner):
        def call_hook(self, fn_name, **kwargs):
            super().call_hook(fn_name, **kwargs)
            if fn_name in ("before_train", "after_train_iter"):
                seen.append(copy.deepcopy(self.model.denoiser.state_dict()))

    Runner_.from_cfg(cfg).train()
    path, out = str(tmp_path / "iter_3.pth"), str(tmp_path / "out.safetensors")
    key = "stem.weight"
    # The average begins as a copy of the first iteration's weights.
    average = seen[1][key]
    for state in seen[2:]:
        average = 0.75 * average + 0.25 * state[key]
    assert not torch.allclose(average, seen[3][key], atol=1e-6)

    assert export_denoiser(path, out)["weights"] == "averaged"
    torch.testing.assert_close(read_state_dict(out)[key], average)
    averaged = read_state_dict(out)
    assert export_denoiser(path, out, ema=True)["weights"] == "averaged"
    assert same(read_state_dict(out), averaged)
    info = export_denoiser(path, out, ema=False)
    assert info["weights"] == "last" and info["iteration"] == "3"
    assert "head_fingerprint" in info
    assert same(read_state_dict(out), seen[3])


def test_no_average_where_one_is_asked_for(written, tmp_path):
    path, state = written()
    out = str(tmp_path / "out.pth")
    with pytest.raises(ValueError, match="--ema: .*iter_7.pth' holds no averaged"):
        export_denoiser(path, out, ema=True)
    assert export_denoiser(path, out, ema=False)["weights"] == "last"


def test_checkpoints_of_something_else(world, written, cfg, tmp_path):
    with pytest.raises(RuntimeError, match="holds backbone.*decode_head.*, not stem"):
        export_denoiser(world.head_checkpoint, str(tmp_path / "out.pth"), cfg)
    path, _ = written(lambda content: content["state_dict"].clear())
    with pytest.raises(ValueError, match="checkpoint '.*iter_7.pth' holds no weights"):
        export_denoiser(path, str(tmp_path / "out.pth"))


def test_a_config_in_pythons_own_style(written, tmp_path):
    """``read_base`` and classes in the place of names."""
    path, state = written()
    (tmp_path / "base.py").write_text(
        "from mmdenoise.models import GaussianNoise, MultiScaleDenoiser\n"
        f"denoiser = dict(type=MultiScaleDenoiser, **{SMALL!r})\n"
        "model = dict(type='mmdenoise.Cascade', denoiser=denoiser,\n"
        "             noise=dict(type=GaussianNoise, sigma=60))\n"
    )
    (tmp_path / "lazy.py").write_text(
        "from mmengine.config import read_base\n\nwith read_base():\n"
        "    from .base import *\n\nmodel.update(noise=dict(sigma=15))\n"
    )
    cfg = open_config(str(tmp_path / "lazy.py"))
    info = export_denoiser(path, str(tmp_path / "out.pth"), cfg)
    noise = dict(type="mmdenoise.GaussianNoise", sigma=15)
    assert json.loads(info["noise"]) == noise
    assert json.loads(info["denoiser"])["type"] == "mmdenoise.MultiScaleDenoiser"
    assert same(read_state_dict(str(tmp_path / "out.pth")), state)
