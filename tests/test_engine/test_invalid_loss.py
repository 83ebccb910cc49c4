"""A loss or a weight that is no number ends a training, and spoils no checkpoint."""

import itertools
import math
import os
from pathlib import Path

import pytest
import torch
from mmengine.hooks import CheckpointHook
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch import nn

NAN, INF = math.nan, math.inf


class Model(BaseModel):
    """A line whose losses, and the gradient of whose bias, are as told."""

    def __init__(self, losses, gradients=None):
        super().__init__()
        self.layer = nn.Linear(1, 1)
        self.norm = nn.BatchNorm1d(1)
        self.register_buffer("mask", torch.tensor([0.0, -INF]))
        self.losses = losses
        self.count = 0
        # What comes back through the bias.
        self.layer.bias.register_hook(
            lambda gradient: gradient + (gradients or {}).get(self.count, 0.0)
        )

    def forward(self, inputs, mode="tensor"):
        out = self.norm(self.layer(torch.stack(inputs)))
        if mode != "loss":
            return [out]
        self.count += 1
        terms = self.losses.get(self.count, self.losses[0])
        return {
            key: torch.tensor(value) + (out.mean() * 0 if "loss" in key else 0)
            for key, value in terms.items()
        }


GOOD = dict(loss_task=0.5, task=5.0, loss_perceptual=0.1, perceptual=1.0, acc=NAN)


@pytest.fixture
def train(tmp_path):
    number = itertools.count()

    def run(model, iterations=6, by_epoch=False, **checkpoint):
        loop = dict(type="IterBasedTrainLoop", max_iters=iterations)
        if by_epoch:
            loop = dict(type="EpochBasedTrainLoop", max_epochs=3)
        options = dict(interval=2, max_keep_ckpts=2, by_epoch=by_epoch)
        options.update(checkpoint)
        more = {}
        if "save_best" in options:
            loop["val_interval"] = 3
            more = dict(
                val_dataloader=loader(False), val_cfg={}, val_evaluator=[Score()]
            )
        runner = Runner(
            model=model,
            work_dir=str(tmp_path / "work"),
            train_dataloader=loader(not by_epoch),
            train_cfg=loop,
            optim_wrapper=dict(optimizer=dict(type="SGD", lr=0.1)),
            default_hooks=dict(
                checkpoint=dict(type="CheckpointHook", **options),
                invalid_loss=dict(type="mmdenoise.InvalidLossHook"),
            ),
            custom_hooks=[dict(type="EMAHook", momentum=0.1)],
            log_processor=dict(by_epoch=by_epoch),
            log_level="ERROR",
            experiment_name=f"{tmp_path.name}_{next(number)}",
            **more,
        )
        runner.train()
        return runner

    return run


def loader(infinite):
    return dict(
        dataset=[dict(inputs=torch.tensor([float(i)])) for i in range(4)],
        batch_size=2,
        num_workers=0,
        sampler=dict(type="InfiniteSampler" if infinite else "DefaultSampler"),
    )


class Score:
    prefix = None
    dataset_meta = None

    def process(self, data_batch, data_samples):
        pass

    def evaluate(self, size):
        return dict(score=1.0)


def kept(tmp_path):
    """Checkpoints by name; all of them are sound."""
    folder = tmp_path / "work"
    names = sorted(n for n in os.listdir(folder) if n.endswith(".pth"))
    for name in names:
        saved = torch.load(folder / name, weights_only=False)
        for part in ("state_dict", "ema_state_dict"):
            for key, value in saved[part].items():
                assert key.endswith("mask") or value.isfinite().all(), (name, key)
    return names


def error_of(train, *args, **kwargs):
    with pytest.raises(RuntimeError) as error:
        train(*args, **kwargs)
    text = str(error.value)
    assert "\n" not in text
    return text


def test_a_training_with_sound_losses_goes_on(train, tmp_path):
    """An accuracy may be NaN, and a mask -inf: neither is a loss or a weight."""
    train(Model({0: GOOD}))
    assert kept(tmp_path) == ["iter_4.pth", "iter_6.pth"]


@pytest.mark.parametrize(
    "terms, said",
    [
        (dict(loss_task=NAN, task=NAN), "task is nan"),
        (dict(loss_task=INF, task=INF), "task is inf"),
        # Eq. (3) multiplies: beyond what a float holds.
        (dict(loss_task=INF, task=1e38), "task is inf"),
        # Weighed by 0.
        (dict(loss_task=0.0, task=NAN), "task is nan"),
        (
            dict(loss_task=NAN, task=NAN, loss_perceptual=-INF, perceptual=-INF),
            "task is nan, perceptual is -inf",
        ),
        (dict(loss_perceptual=3e38, loss_task=3e38), "loss is inf"),
        ({"decode.loss_ce": NAN}, "decode.loss_ce is nan"),
        ({"loss_cls": NAN}, "loss_cls is nan"),
    ],
)
def test_terms_are_named(train, tmp_path, terms, said):
    text = error_of(train, Model({0: GOOD, 4: dict(GOOD, **terms)}))
    assert text == (
        f"iteration 4: the loss is not finite ({said}); training stops, and earlier "
        "checkpoints are as they were: the last one is "
        f"{str(tmp_path / 'work' / 'iter_2.pth')!r}"
    )
    assert kept(tmp_path) == ["iter_2.pth"]


def test_at_the_first_and_the_last_iteration(train, tmp_path):
    bad = dict(GOOD, loss_task=NAN)
    text = error_of(train, Model({0: GOOD, 1: bad}))
    assert text.startswith("iteration 1: ") and text.endswith(": there is none yet")
    assert kept(tmp_path) == []
    text = error_of(train, Model({0: GOOD, 5: bad}), iterations=5)
    assert text.startswith("iteration 5: ") and "iter_4.pth" in text
    assert kept(tmp_path) == ["iter_2.pth", "iter_4.pth"]


@pytest.mark.parametrize("gradient", [NAN, INF])
@pytest.mark.parametrize("keep", [1, 2])
def test_a_gradient_spoils_the_weights_before_the_loss_tells(
    train, tmp_path, gradient, keep
):
    """And CheckpointHook has not yet removed the oldest."""
    model = Model({0: GOOD}, {6: gradient})
    text = error_of(train, model, iterations=8, max_keep_ckpts=keep)
    assert text.startswith(
        "iteration 6: weights are not finite (layer.bias), as after a gradient"
    )
    assert repr(str(tmp_path / "work" / "iter_4.pth")) in text
    assert kept(tmp_path) == ["iter_2.pth", "iter_4.pth"][2 - keep :]


def test_between_two_checkpoints_the_next_loss_tells(train, tmp_path):
    text = error_of(train, Model({0: GOOD}, {3: NAN}))
    assert text.startswith("iteration 4: the loss is not finite")
    assert kept(tmp_path) == ["iter_2.pth"]


def spoil_before(model, count, how):
    """Change the model as its forward of that number begins."""
    forward = model.forward

    def spoiling(inputs, mode="tensor"):
        if mode == "loss" and model.count + 1 == count:
            how()
        return forward(inputs, mode)

    model.forward = spoiling


def test_many_weights_are_counted(train):
    model = Model({0: GOOD})
    model.more = nn.ParameterList(nn.Parameter(torch.ones(1)) for _ in range(5))
    spoil_before(model, 2, lambda: [w.data.fill_(INF) for w in model.more])
    assert "(more.0, more.1, more.2 and 2 more)" in error_of(train, model)


def test_statistics_count_too(train, tmp_path):
    """A BN variance of one huge batch: infinite, with losses that are not."""
    model = Model({0: GOOD})
    spoil_before(model, 4, lambda: model.layer.weight.data.fill_(1e30))
    text = error_of(train, model, max_keep_ckpts=1)
    assert text.startswith("iteration 4: weights are not finite (norm.running_var)")
    assert kept(tmp_path) == ["iter_2.pth"]


def test_epochs(train, tmp_path):
    text = error_of(
        train, Model({0: GOOD}, {4: NAN}), by_epoch=True, interval=1, max_keep_ckpts=1
    )
    # Two epochs of two iterations.
    assert text.startswith("iteration 4: weights are not finite (layer.bias)")
    assert kept(tmp_path) == ["epoch_1.pth"]


def test_a_best_checkpoint_is_not_spoilt(train, tmp_path):
    """Validation comes before the next loss, between two checkpoints."""
    model = Model({0: GOOD}, {3: NAN})
    text = error_of(train, model, save_best="score", rule="greater")
    assert text.startswith("iteration 3: weights are not finite (layer.bias)")
    assert kept(tmp_path) == ["iter_2.pth"]


def test_it_looks_where_checkpoints_are_written(train, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    model = Model({0: GOOD, 4: dict(GOOD, loss_task=NAN)})
    text = error_of(train, model, out_dir=str(elsewhere))
    assert repr(str(elsewhere / "work" / "iter_2.pth")) in text


def test_its_place_among_the_hooks(train):
    runner = train(Model({0: GOOD}), iterations=1)
    names = [type(hook).__name__ for hook in runner.hooks]
    place = names.index("InvalidLossHook")
    assert names.index("EMAHook") < place < names.index("CheckpointHook")
    assert names.index("LoggerHook") < place, "what it stops at is in the log"
    assert isinstance(runner.hooks[-1], CheckpointHook)
    assert Path(runner.work_dir, "iter_1.pth").is_file()
