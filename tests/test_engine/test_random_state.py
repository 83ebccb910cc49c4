"""Random states in checkpoints: a resumed training draws what was to come."""

import inspect
import itertools
import random
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.registry import LOOPS
from mmengine.runner import IterBasedTrainLoop, Runner
from torch import nn
from torch.utils.data import Dataset

from mmdenoise.engine import random_state as module
from mmdenoise.engine.random_state import random_state, restore_random_state
from mmdenoise.weights.state_dicts import read_state_dict


def draw():
    """A number of each global generator, and half a pair of Gaussians."""
    return (
        random.random(),
        random.gauss(0, 1),
        np.random.rand(),
        np.random.randn(),
        torch.rand(()).item(),
        torch.randn(()).item(),
    )


class Drawing(Dataset):
    """Images of one number, augmented at random."""

    def __init__(self, different=True, draws=True):
        self.different = different
        self.draws = draws

    def __len__(self):
        return 10

    def __getitem__(self, index):
        number = sum(draw()) if self.draws else 0.0
        return dict(inputs=torch.tensor([number + index * self.different]))


class Model(BaseModel):
    """Its loss depends on every generator; it keeps what it saw."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(1, 1)
        self.seen = []

    def forward(self, inputs, mode="tensor"):
        batch = torch.stack(inputs)
        out = self.layer(batch * sum(draw()))
        if mode == "loss":
            self.seen.append(batch[:, 0].tolist())
            return dict(loss=out.square().mean())
        return [out]


class Score:
    """An evaluator's metric that improves, so that every validation is the best."""

    prefix = None
    dataset_meta = None
    count = 0

    def process(self, data_batch, data_samples):
        draw()

    def evaluate(self, size):
        Score.count += 1
        return dict(score=Score.count)


@LOOPS.register_module(force=True)
class DroppingLoop(IterBasedTrainLoop):
    """As of MMEngine 0.10.4: on resuming it loads batches and drops them."""

    class Iterator:
        def __init__(self, dataloader):
            self.batches = iter(dataloader)

        def __next__(self):
            return next(self.batches)

    def run(self):
        if hasattr(self.dataloader_iterator, "skip_iter"):
            self.dataloader_iterator = self.Iterator(self.dataloader)
        self.runner.call_hook("before_train")
        self.runner.call_hook("before_train_epoch")
        for _ in range(self._iter):
            next(self.dataloader_iterator)
        while self._iter < self._max_iters:
            self.runner.model.train()
            self.run_iter(next(self.dataloader_iterator))
            if self.runner.val_loop is not None and self._iter % self.val_interval == 0:
                self.runner.val_loop.run()
        self.runner.call_hook("after_train_epoch")
        self.runner.call_hook("after_train")
        return self.runner.model


ITERATIONS = 7
LOOPS_OF = dict(
    iterations=dict(type="IterBasedTrainLoop", max_iters=ITERATIONS),
    dropping=dict(type="DroppingLoop", max_iters=ITERATIONS),
    epochs=dict(type="EpochBasedTrainLoop", max_epochs=3),
)
WITH_HOOK = dict(random_state=dict(type="mmdenoise.RandomStateHook"))


@pytest.fixture
def train(tmp_path):
    number = itertools.count()

    def run(loop="iterations", stop=None, hooks=WITH_HOOK, seed=0, val=None, **more):
        """Train in a folder of its own; ``stop`` ends it after so many iterations."""
        by_epoch = loop == "epochs"
        checkpoint = dict(type="CheckpointHook", interval=1, by_epoch=by_epoch)
        checkpoint.update(more.pop("checkpoint", {}))
        cfg = dict(LOOPS_OF[loop], **more.pop("train_cfg", {}))
        loader = dict(
            dataset=Drawing(more.pop("different", True), more.pop("draws", True)),
            batch_size=2,
            num_workers=more.pop("num_workers", 0),
            sampler=dict(type="DefaultSampler" if by_epoch else "InfiniteSampler"),
        )
        if val is not None:
            cfg["val_interval"] = val
            more.update(
                val_dataloader=dict(
                    loader, sampler=dict(type="DefaultSampler", shuffle=False)
                ),
                val_cfg=dict(),
                val_evaluator=[Score()],
            )
        name = f"{tmp_path.name}_{next(number)}"
        torch.manual_seed(0)
        runner = Runner(
            model=Model(),
            work_dir=str(tmp_path / name),
            train_dataloader=loader,
            train_cfg=cfg,
            optim_wrapper=dict(optimizer=dict(type="Adam", lr=0.01)),
            default_hooks=dict(hooks, checkpoint=checkpoint),
            randomness=dict(seed=seed),
            log_processor=dict(by_epoch=by_epoch),
            log_level="ERROR",
            experiment_name=name,
            **more,
        )
        before = runner.model.train_step

        def train_step(*args, **kwargs):
            if stop is not None and runner.iter == stop:
                raise KeyboardInterrupt
            return before(*args, **kwargs)

        runner.model.train_step = train_step
        try:
            runner.train()
        except KeyboardInterrupt:
            assert stop is not None
        return runner

    return run


def saved(runner, name):
    return str(Path(runner.work_dir) / f"{name}.pth")


def resume(train, runner, name, **more):
    # Whatever a new process draws before it goes on.
    torch.manual_seed(99)
    np.random.seed(98)
    random.seed(97)
    return train(load_from=saved(runner, name), resume=True, **more)


def same(one, other):
    """Weights, optimiser and generators, bit for bit."""
    parts = [
        [runner.model.state_dict()["layer.weight"], runner.model.layer.bias]
        + [
            v
            for s in runner.optim_wrapper.state_dict()["state"].values()
            for v in s.values()
        ]
        for runner in (one, other)
    ]
    return all(torch.equal(a, b) for a, b in zip(*parts))


def equal(state, other):
    return all(
        torch.equal(value, other[key])
        if isinstance(value, torch.Tensor)
        else value == other[key]
        for key, value in state.items()
    )


def test_a_state_comes_back():
    draw()
    state = random_state()
    first = [draw() for _ in range(3)]
    restore_random_state(state)
    assert [draw() for _ in range(3)] == first
    # Without the halves of pairs that wait.
    random.seed(1), np.random.seed(1), torch.manual_seed(1)
    state = random_state()
    first = draw()
    assert draw() != first
    restore_random_state(state)
    assert draw() == first


def test_a_checkpoint_with_states_opens_without_running_code(train, tmp_path):
    runner = train()
    path = saved(runner, f"iter_{ITERATIONS}")
    assert set(read_state_dict(path)) == {"layer.weight", "layer.bias"}
    state = torch.load(path, weights_only=False)["random_state"]
    (own,) = state["ranks"]
    assert {type(v) for v in own.values()} <= {
        torch.Tensor,
        int,
        float,
        list,
        type(None),
    }
    assert type(state["sampler_seed"]) is int
    torch.save(state, tmp_path / "alone.pth")
    # Nothing but tensors and numbers, with no list of what else to let through.
    opened = torch.load(tmp_path / "alone.pth", weights_only=True)
    assert torch.equal(opened["ranks"][0]["numpy"], own["numpy"])


EVERY_LOOP = pytest.mark.parametrize(
    "loop, name, done, stop",
    [
        ("iterations", "iter_3", 3, 4),
        ("dropping", "iter_3", 3, 4),
        ("epochs", "epoch_1", 5, 8),
    ],
)


@pytest.mark.parametrize("val", [None, 2])
@EVERY_LOOP
def test_a_resumed_training_repeats_an_uninterrupted_one(
    train, loop, name, done, stop, val
):
    whole = train(loop, val=val)
    after = random_state()
    part = train(loop, val=val, stop=stop)
    assert part.iter == stop
    rest = resume(train, part, name, loop=loop, val=val)
    assert rest.iter == whole.iter
    assert rest.model.seen == whole.model.seen[done:]
    assert same(whole, rest)
    assert equal(random_state(), after), "and what is drawn next"


@EVERY_LOOP
def test_without_the_hook_it_does_not(train, loop, name, done, stop):
    """So the test above can fail."""
    whole = train(loop, hooks={})
    part = train(loop, hooks={}, stop=stop)
    rest = resume(train, part, name, loop=loop, hooks={})
    assert rest.model.seen != whole.model.seen[done:]


@EVERY_LOOP
def test_the_order_of_images_without_a_fixed_seed(train, loop, name, done, stop):
    """A start without one draws another seed for the sampler."""
    whole = train(loop, seed=None)
    rest = resume(train, whole, name, loop=loop, seed=None)
    assert rest.model.seen == whole.model.seen[done:]
    assert same(whole, rest)


def test_the_order_of_images_where_workers_load_ahead(train):
    options = dict(loop="dropping", seed=None, num_workers=1, draws=False)
    whole = train(**options)
    rest = resume(train, whole, "iter_3", **options)
    assert rest.model.seen == whole.model.seen[3:]
    assert same(whole, rest)


@pytest.mark.parametrize("val", [1, 3])
def test_validation_does_not_move_the_trainings_states(train, val):
    without = train()
    after = random_state()
    with_it = train(val=val)
    assert with_it.model.seen == without.model.seen
    assert same(with_it, without)
    assert equal(random_state(), after)


def test_a_checkpoint_written_in_validation(train):
    """Where a score is the best so far, MMEngine writes the newest file once more."""
    best = dict(interval=3, save_best="score", rule="greater")
    whole = train(val=2, checkpoint=best)
    rest = resume(train, whole, "iter_4", val=2)
    assert rest.model.seen == whole.model.seen[4:]
    assert same(whole, rest)
    states = [
        torch.load(saved(whole, name), weights_only=False)["random_state"]["ranks"][0]
        for name in ("iter_3", "best_score_iter_7", "iter_7")
    ]
    assert equal(states[1], states[2]) and not equal(states[0], states[1])


class Saver(Hook):
    """Somebody else's checkpoint, at an iteration of its own."""

    priority = "LOWEST"

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        if runner.iter + 1 == 4:
            runner.save_checkpoint(runner.work_dir, "mine.pth", by_epoch=False)


def test_a_checkpoint_written_by_another_hook(train):
    whole = train(checkpoint=dict(interval=3), custom_hooks=[Saver()])
    rest = resume(train, whole, "mine")
    assert rest.model.seen == whole.model.seen[4:]
    assert same(whole, rest)


def test_load_from_restores_nothing(train):
    first = train()
    again = train(load_from=saved(first, "iter_3"))
    assert again.model.seen == first.model.seen
    assert again.iter == ITERATIONS


@pytest.mark.skipif(
    "fast_forward_on_resume" not in inspect.signature(IterBasedTrainLoop).parameters,
    reason="this MMEngine always skips what was trained on",
)
def test_where_the_loop_does_not_skip_images(train):
    """The order of images begins anew, on the user's wish; random numbers go on."""
    whole = train(different=False)
    rest = resume(
        train,
        whole,
        "iter_3",
        different=False,
        train_cfg=dict(fast_forward_on_resume=True),
    )
    assert rest.model.seen == whole.model.seen[3:]


@pytest.fixture
def said(monkeypatch):
    texts = []
    monkeypatch.setattr(
        module, "print_log", lambda text, logger, level: texts.append(text)
    )
    return texts


def change(runner, name, ranks):
    """Let a checkpoint hold another number of states."""
    path = saved(runner, name)
    checkpoint = torch.load(path, weights_only=False)
    if ranks is None:
        del checkpoint["random_state"]
    else:
        states = checkpoint["random_state"]["ranks"]
        checkpoint["random_state"]["ranks"] = (states * 2)[:ranks]
    torch.save(checkpoint, path)


def test_one_process_after_two(train, said):
    whole = train()
    change(whole, "iter_3", 2)
    rest = resume(train, whole, "iter_3")
    assert rest.model.seen == whole.model.seen[3:]
    assert len(said) == 1
    assert "random states of 2 processes, and there are 1" in said[0]


@pytest.mark.parametrize("ranks", [None, 0])
def test_ranks_without_a_state_are_seeded(train, said, monkeypatch, ranks):
    whole = train(different=False)
    change(whole, "iter_3", ranks)
    change(whole, "iter_4", ranks)

    def seen(name):
        return resume(train, whole, name, different=False).model.seen

    found = [seen("iter_3"), seen("iter_3")]
    monkeypatch.setattr(module, "get_rank", lambda: 1)
    found += [seen("iter_3"), seen("iter_4")]
    assert found[0] == found[1]
    firsts = [seen[0] for seen in (whole.model.seen[3:], *found[1:])]
    assert len({tuple(first) for first in firsts}) == 4
    assert len(said) == 4
    assert "random states of 0 processes, and there are 1" in said[0]
    assert "seeded by (seed, rank, iteration)" in said[0]


def test_the_states_are_gathered_right_before_they_are_saved(train):
    """After all that draws, and only where a checkpoint follows."""
    calls = []
    real = module.all_gather_object

    def gather(state):
        calls.append(1)
        return real(state)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "all_gather_object", gather)
        runner = train(checkpoint=dict(interval=3))
    names = [type(hook).__name__ for hook in runner.hooks]
    assert names[-2:] == ["RandomStateHook", "CheckpointHook"]
    assert len(calls) == 3, "iterations 3, 6 and the last one"


def test_the_noise_goes_by_each_ranks_own_seed(train):
    """MMEngine gives all ranks the seed that rank 0 had, and theirs may differ."""
    whole = train()
    path = saved(whole, "iter_3")
    checkpoint = torch.load(path, weights_only=False)
    checkpoint["message_hub"]["runtime_info"]["seed"] = 41
    torch.save(checkpoint, path)
    rest = resume(train, whole, "iter_3")
    assert rest.message_hub.get_info("seed") == rest.seed == 0
