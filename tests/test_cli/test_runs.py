"""Configs of the command line: overrides, work folders, launchers."""

import argparse
import os
import subprocess
import sys

import pytest

from mmdenoise.cli.options import add_config, add_launcher
from mmdenoise.cli.runs import read_config


@pytest.fixture(autouse=True)
def _environment(monkeypatch):
    for name in (
        "LOCAL_RANK",
        "MMDENOISE_TRACEBACK",
        "TORCH_FORCE_WEIGHTS_ONLY_LOAD",
    ):
        # Set and delete: what a test sets is undone at its end.
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "some_config.py"
    path.write_text("model = dict(type='x', noise=dict(sigma=60), sizes=[1, 2])\n")
    return str(path)


def parse(*arguments):
    parser = argparse.ArgumentParser()
    add_config(parser)
    add_launcher(parser)
    return parser.parse_args(list(map(str, arguments)))


def read(*arguments):
    args = parse(*arguments)
    return read_config(args, args.work_dir)


def test_defaults(config):
    cfg = read(config)
    assert cfg.model.noise.sigma == 60
    assert cfg.work_dir == os.path.join("work_dirs", "some_config")
    assert cfg.launcher == "none"
    assert os.environ["LOCAL_RANK"] == "0"


def test_options(config):
    cfg = read(
        config,
        *("--work-dir", "elsewhere"),
        *("--launcher", "pytorch"),
        *(
            "--cfg-options",
            "model.noise.sigma=30",
            "model.sizes=[5,6]",
            "randomness.b=c",
        ),
    )
    assert cfg.model.noise.sigma == 30
    assert cfg.model.sizes == [5, 6]
    assert cfg.randomness.b == "c"
    assert cfg.work_dir == "elsewhere"
    assert cfg.launcher == "pytorch"


@pytest.mark.parametrize("gpus", [True, False])
def test_ranks_talk_over_gloo_where_there_is_no_gpu(config, monkeypatch, gpus):
    monkeypatch.setattr("torch.cuda.is_available", lambda: gpus)
    with open(config, "a") as file:
        file.write(
            "env_cfg = dict(cudnn_benchmark=True, dist_cfg=dict(backend='nccl'))\n"
        )
    assert read(config).env_cfg.dist_cfg.backend == "nccl"
    launched = read(config, "--launcher", "pytorch")
    assert launched.env_cfg.dist_cfg.backend == ("nccl" if gpus else "gloo")
    assert launched.env_cfg.cudnn_benchmark


def test_a_configs_own_work_dir(config):
    with open(config, "a") as file:
        file.write("work_dir = 'its/own'\n")
    assert read(config).work_dir == "its/own"
    assert read(config, "--work-dir", "mine").work_dir == "mine"


@pytest.mark.parametrize("spelling", ["--local_rank", "--local-rank"])
def test_local_rank(config, spelling, monkeypatch):
    read(config, spelling, 3)
    assert os.environ["LOCAL_RANK"] == "3"
    monkeypatch.setenv("LOCAL_RANK", "1")
    read(config, spelling, 2)
    assert os.environ["LOCAL_RANK"] == "1", "torchrun's word counts"


def test_a_missing_config():
    with pytest.raises(FileNotFoundError, match="there is no config 'gone.py'"):
        read("gone.py")


@pytest.mark.parametrize(
    "kind, scope",
    [
        ("PascalVOCDataset", "mmseg"),
        ("CustomDataset", "mmpretrain"),
        ("mmdenoise.CleanImageDataset", "mmengine"),
    ],
)
def test_a_hosts_data_set_brings_its_scope(config, kind, scope):
    """Its metrics are found without a word on scopes; a scope that is said stays."""
    with open(config, "a") as file:
        file.write(f"test_dataloader = dict(dataset=dict(type={kind!r}))\n")
    assert read(config).default_scope == scope
    with open(config, "a") as file:
        file.write("default_scope = 'mmcv'\n")
    assert read(config).default_scope == "mmcv"


def test_leaving_ranks_joins_the_threads_of_their_group(tmp_path):
    """One that is left aborts the process now and then: exit code -6."""
    code = f"""
import os
import torch
from mmdenoise.cli import runs

threads = lambda: len(os.listdir("/proc/self/task"))
torch.set_num_threads(1)
before = threads()
torch.distributed.init_process_group(
    "gloo", init_method="file://{tmp_path}/store", rank=0, world_size=1
)
model = torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(2, 2))
model(torch.ones(1, 2)).sum().backward()
model.held = [model]  # as a runner and its model hold each other
during = threads()
del model
runs._leave_ranks()
print(before, during, threads())
"""
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    before, during, after = map(int, run.stdout.split())
    assert before < during and after == before
