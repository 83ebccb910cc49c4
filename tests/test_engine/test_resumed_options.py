"""What changed since a training began is said, once, when it goes on."""

from types import SimpleNamespace

import pytest
from mmengine.config import Config

from mmdenoise.engine.resumed_options import ResumedOptionsHook

CONFIG = dict(
    optim_wrapper=dict(type="OptimWrapper", optimizer=dict(type="Adam", lr=1e-3)),
    train_dataloader=dict(batch_size=2, num_workers=0, dataset=dict(data_root="a")),
    randomness=dict(seed=5),
    param_scheduler=[dict(type="LinearLR", end=5)],
)


@pytest.fixture
def said(monkeypatch):
    found = []
    monkeypatch.setattr(
        "mmdenoise.engine.resumed_options.print_log",
        lambda text, **_: found.append(text),
    )
    return found


def resume(changes, iteration=4):
    cfg = Config(CONFIG)
    text = cfg.pretty_text
    cfg.merge_from_dict(changes)
    runner = SimpleNamespace(iter=iteration, cfg=cfg)
    hook = ResumedOptionsHook()
    hook.after_load_checkpoint(runner, dict(meta=dict(cfg=text)))
    hook.before_train(runner)


@pytest.mark.parametrize(
    "change, words",
    [
        (("optim_wrapper.optimizer.lr", 0.5), "lr was 0.001 and is 0.5"),
        (("train_dataloader.batch_size", 4), "batch_size was 2 and is 4"),
        (("randomness.seed", 6), "randomness.seed was 5 and is 6"),
        (("optim_wrapper.clip_grad", dict(max_norm=1)), "clip_grad was None and is"),
        (("param_scheduler", []), "param_scheduler was [{"),
    ],
)
def test_a_change_is_said(said, change, words):
    resume(dict([change]))
    assert len(said) == 1 and words in said[0] and "\n" not in said[0]


def test_what_may_change_is_not_said(said):
    resume({})
    resume({"train_dataloader.num_workers": 3})
    resume({"train_dataloader.dataset.data_root": "elsewhere"})
    resume({"optim_wrapper.optimizer.lr": 0.5}, iteration=0)
    assert said == []


def test_a_checkpoint_that_keeps_no_config_is_believed(said):
    hook = ResumedOptionsHook()
    for checkpoint in ({}, dict(meta=None), dict(meta=dict(cfg="import os"))):
        hook.after_load_checkpoint(None, checkpoint)
        hook.before_train(SimpleNamespace(iter=3, cfg=Config(CONFIG)))
    assert said == []
