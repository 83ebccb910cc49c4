"""Checkpoints written by MMEngine's hook through the atomic backend."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from mmengine.fileio import get_file_backend
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch import nn

from mmdenoise.weights import atomic_backend as backend
from mmdenoise.weights.atomic_backend import AtomicBackend
from mmdenoise.weights.resume import newest_checkpoint

ROOT = Path(__file__).parents[2]


class Line(BaseModel):
    """The smallest model that trains."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(1, 1)

    def forward(self, inputs, mode="tensor"):
        out = self.layer(torch.stack(inputs))
        return dict(loss=out.square().mean()) if mode == "loss" else out


@pytest.fixture
def runner(tmp_path):
    def build(iterations, **checkpoint):
        return Runner(
            model=Line(),
            work_dir=str(tmp_path / "work"),
            train_dataloader=dict(
                dataset=[dict(inputs=torch.ones(1))] * 4,
                batch_size=2,
                num_workers=0,
                sampler=dict(type="InfiniteSampler"),
            ),
            train_cfg=dict(type="IterBasedTrainLoop", max_iters=iterations),
            optim_wrapper=dict(optimizer=dict(type="SGD", lr=0.1)),
            default_hooks=dict(
                checkpoint=dict(
                    type="CheckpointHook",
                    by_epoch=False,
                    interval=1,
                    backend_args=dict(backend="mmdenoise.atomic"),
                    **checkpoint,
                )
            ),
            log_processor=dict(by_epoch=False),
            log_level="ERROR",
            experiment_name=tmp_path.name,
        )

    return build


def names(folder):
    return sorted(name for name in os.listdir(folder) if name.endswith(".pth"))


def weights(path):
    return torch.load(path, weights_only=False)["state_dict"]


def test_configs_reach_it_by_name():
    found = get_file_backend(backend_args=dict(backend="mmdenoise.atomic"))
    assert isinstance(found, AtomicBackend)


def test_the_hook_writes_through_it(runner, tmp_path, monkeypatch):
    put = []
    original = AtomicBackend.put

    def watched(self, obj, filepath):
        put.append(os.path.basename(filepath))
        original(self, obj, filepath)

    monkeypatch.setattr(AtomicBackend, "put", watched)
    run = runner(3, max_keep_ckpts=2)
    run.train()
    assert put == ["iter_1.pth", "iter_2.pth", "iter_3.pth"]
    assert names(tmp_path / "work") == ["iter_2.pth", "iter_3.pth"]
    saved = weights(tmp_path / "work" / "iter_3.pth")
    assert all(torch.equal(saved[k], v) for k, v in run.model.state_dict().items())


@pytest.mark.parametrize("fails", [2, 3, 4])
def test_a_failing_write_keeps_the_earlier_checkpoint(
    runner, tmp_path, monkeypatch, fails
):
    """Also where MMEngine has removed the oldest of two for it."""
    real = backend.atomic_path
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    bad, good = f"iter_{fails}.pth", f"iter_{fails - 1}.pth"

    class Disk:
        """Full from some checkpoint on."""

        def __init__(self, path):
            self.path, self.inside = path, real(path)

        def __enter__(self):
            temporary = self.inside.__enter__()
            if self.path.endswith(bad):
                with open(temporary, "wb") as file:
                    file.write(b"half of it")
                self.inside.__exit__(OSError, full, None)
                raise full
            return temporary

        def __exit__(self, *error):
            return self.inside.__exit__(*error)

    monkeypatch.setattr(backend, "atomic_path", Disk)
    with pytest.raises(OSError) as error:
        runner(4, max_keep_ckpts=2).train()
    text = str(error.value)
    assert error.value.errno == errno.ENOSPC
    assert f"cannot write {tmp_path / 'work' / bad}" in text
    assert "No space left on device" in text
    assert "earlier checkpoints are as they were" in text
    assert "\n" not in text
    assert names(tmp_path / "work") == [good], "nor a temporary file"
    kept = newest_checkpoint(str(tmp_path / "work"))
    assert kept == str(tmp_path / "work" / good)
    assert set(weights(kept)) == {"layer.weight", "layer.bias"}


def test_it_replaces_a_checkpoint_of_the_same_name_only_when_whole(
    tmp_path, monkeypatch
):
    path = tmp_path / "iter_1.pth"
    AtomicBackend().put(b"old", path)

    def fsync(handle):
        assert path.read_bytes() == b"old"
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fsync)
        with pytest.raises(OSError, match="Input/output error"):
            AtomicBackend().put(b"new", path)
    assert path.read_bytes() == b"old"
    AtomicBackend().put(b"new", str(path))
    assert path.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["iter_1.pth"]


# Loads the two files alone, so that the process starts at once.
WRITER = """
import importlib.util, sys, time

def load(name, path):
    spec = importlib.util.spec_from_file_location(name, path)
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module

files = load("files", sys.argv[1])
with files.atomic_path(sys.argv[2]) as path, open(path, "wb") as file:
    file.write(b"x" * 1000)
    file.flush()
    print("half", flush=True)
    time.sleep(60)
"""


def test_a_kill_in_the_middle_leaves_the_earlier_file_whole(tmp_path):
    path = tmp_path / "iter_1.pth"
    path.write_bytes(b"old")
    files = ROOT / "mmdenoise" / "atomic_files.py"
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(files), str(path)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert writer.stdout.readline() == "half\n"
    writer.send_signal(signal.SIGKILL)
    assert writer.wait(timeout=10) == -signal.SIGKILL
    writer.stdout.close()
    assert path.read_bytes() == b"old"
    # What the killed writer left is hidden and has no name that resuming looks at.
    left = sorted(set(os.listdir(tmp_path)) - {"iter_1.pth"})
    assert [name[0] for name in left] == ["."]
    AtomicBackend().put(b"new", path)
    assert path.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["iter_1.pth"], "the next writer tidies up"
