"""The progress line of a run that is one step of several."""

import re
import sys
from types import SimpleNamespace

import pytest
import torch
from mmengine.evaluator import BaseMetric
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch import nn

from mmdenoise.engine import ProgressHook, progress


class Line(BaseModel):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(1, 1)

    def forward(self, inputs, mode="tensor"):
        out = self.layer(torch.stack(inputs))
        if mode == "loss":
            return dict(loss_task=out.square().mean() + 1, task=torch.tensor(3.0))
        return list(out)


class Count(BaseMetric):
    def process(self, data_batch, data_samples):
        self.results.extend(data_samples)

    def compute_metrics(self, results):
        return dict(count=len(results))


@pytest.fixture
def clock(monkeypatch):
    """A clock that the test moves."""
    now = SimpleNamespace(seconds=100.0)
    fake = SimpleNamespace(monotonic=lambda: now.seconds)
    monkeypatch.setattr(progress, "time", fake)
    return now


def run_through(hook, first, last, clock, seconds=1.0):
    runner = SimpleNamespace(iter=first, max_iters=last)
    hook.before_train(runner)
    for index in range(first, last):
        runner.iter = index
        clock.seconds += seconds
        hook.after_train_iter(runner, index, outputs=dict(loss=torch.tensor(0.5)))


def test_five_lines_where_there_is_no_terminal(capsys, clock):
    run_through(ProgressHook("train"), 0, 100, clock)
    lines = capsys.readouterr().out.splitlines()
    # The first one says at once that it runs and how long it will take.
    done = [1, 20, 40, 60, 80, 100]
    assert lines == [
        f"train: {n}/100  ETA 0:{(100 - n) // 60:02}:{(100 - n) % 60:02}  loss 0.5"
        for n in done
    ]


def test_fewer_steps_than_lines(capsys, clock):
    run_through(ProgressHook("train"), 0, 2, clock)
    out = capsys.readouterr().out
    assert [line.split("  ")[0] for line in out.splitlines()] == [
        "train: 1/2",
        "train: 2/2",
    ]


def test_a_resumed_run_reckons_from_where_it_began(capsys, clock):
    """10 seconds a step since the start, and none for what was done before."""
    hook = ProgressHook("train")
    run_through(hook, 90, 100, clock, seconds=10)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "train: 91/100  ETA 0:01:30  loss 0.5"
    assert lines[-1] == "train: 100/100  ETA 0:00:00  loss 0.5"
    # The same hook in a second run starts anew.
    run_through(hook, 0, 4, clock, seconds=2)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "train: 1/4  ETA 0:00:06  loss 0.5"


def test_only_the_terms_of_the_loss_are_shown(capsys, clock):
    hook = ProgressHook("train")
    runner = SimpleNamespace(iter=0, max_iters=1)
    hook.before_train(runner)
    clock.seconds += 1
    outputs = dict(loss=1.23456, loss_task=9.0, task=2.0, reconstruction=0.012345)
    hook.after_train_iter(runner, 0, outputs=outputs)
    assert (
        capsys.readouterr()
        .out.rstrip()
        .endswith("  loss 1.235  task 2  reconstruction 0.01235")
    )


def test_a_terminal_gets_one_line_renewed(capsys, clock, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    run_through(ProgressHook("train"), 0, 3, clock)
    out = capsys.readouterr().out
    assert out.count("\n") == 1 and out.endswith("\n")
    assert out.count("\r\x1b[K") == 3
    assert "train: 2/3  ETA 0:00:01  loss 0.5" in out


def test_in_a_runner(tmp_path, capsys):
    """Registered under its scope; training, resumed training and a test."""

    def build(iterations, **more):
        loader = dict(
            dataset=[dict(inputs=torch.ones(1))] * 4, batch_size=2, num_workers=0
        )
        return Runner(
            model=Line(),
            work_dir=str(tmp_path),
            train_dataloader=dict(loader, sampler=dict(type="InfiniteSampler")),
            train_cfg=dict(type="IterBasedTrainLoop", max_iters=iterations),
            optim_wrapper=dict(optimizer=dict(type="SGD", lr=0.1)),
            test_dataloader=dict(loader, sampler=dict(type="DefaultSampler")),
            test_cfg=dict(),
            test_evaluator=Count(),
            default_hooks=dict(checkpoint=dict(type="CheckpointHook", by_epoch=False)),
            custom_hooks=[dict(type="mmdenoise.ProgressHook", title="step")],
            log_processor=dict(by_epoch=False),
            log_level="ERROR",
            experiment_name=tmp_path.name,
            **more,
        )

    def lines():
        out = capsys.readouterr().out
        return [line for line in out.splitlines() if line.startswith("step: ")]

    run = build(3)
    run.train()
    found = lines()
    assert [line.split()[1] for line in found] == ["1/3", "2/3", "3/3"]
    form = r"step: \d/3  ETA \d:\d\d:\d\d  loss [\d.]+  task 3"
    assert all(re.fullmatch(form, line) for line in found)
    run.save_checkpoint(str(tmp_path), "iter_3.pth")
    build(5, load_from=str(tmp_path / "iter_3.pth"), resume=True).train()
    assert [line.split()[1] for line in lines()] == ["4/5", "5/5"]
    build(3).test()
    assert [line.split()[1] for line in lines()] == ["1/2", "2/2"]
