"""Commands as processes of their own, and as ranks of one."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from tests.fixtures.commands import CommandRun, metrics_of

ROOT = Path(__file__).parents[2]


def process(name, *arguments, cwd):
    environment = dict(os.environ, PYTHONPATH=str(ROOT), OMP_NUM_THREADS="1")
    return subprocess.run(
        [sys.executable, "-m", "mmdenoise", name, *map(str, arguments)],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_a_shell_sees_one_line_and_a_code(tiny, tmp_path):
    done = process("train", "gone.py", cwd=tmp_path)
    run = CommandRun(done.returncode, done.stdout, done.stderr)
    assert run.error == "there is no config 'gone.py'"
    assert done.stdout == ""


@pytest.mark.slow
def test_training_comparing_and_the_traceback_from_a_shell(tiny, tmp_path):
    trained = process("train", tiny.config, "--work-dir", "work", cwd=tmp_path)
    assert trained.returncode == 0, trained.stderr
    assert (tmp_path / "work" / "iter_2.pth").is_file()
    arms = ["--denoiser", "mine=work/iter_2.pth", "--difference", "mine", "noisy"]
    compared = process(
        *("compare", tiny.config, "--work-dir", "results", "--images", 0, *arms),
        cwd=tmp_path,
    )
    assert compared.returncode == 0, compared.stderr
    table = (tmp_path / "results" / "table.md").read_text()
    assert table in compared.stdout
    assert [row.split("|")[1].strip() for row in table.splitlines()[2:5]] == [
        "clean",
        "noisy",
        "mine",
    ]
    assert np.asarray(Image.open(tmp_path / "results" / "panel.png")).ndim == 3
    options = ("--cfg-options", "model.noise.sigma=-1")
    failed = process("test", tiny.config, *options, cwd=tmp_path)
    run = CommandRun(failed.returncode, failed.stdout, failed.stderr)
    assert "sigma must not be negative" in run.error


@pytest.mark.slow
@pytest.mark.skipif(torch.cuda.is_available(), reason="ranks would share its GPUs")
def test_two_ranks(tool, tiny, tmp_path):
    """Through the launchers: the same numbers as one rank, noise included."""

    def launch(name, port, *arguments):
        done = subprocess.run(
            ["bash", str(ROOT / "tools" / f"{name}.sh"), *map(str, arguments)],
            cwd=tmp_path,
            env=dict(os.environ, PYTHON=sys.executable, PORT=port, OMP_NUM_THREADS="1"),
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr
        return SimpleNamespace(code=0, out=done.stdout, err=done.stderr)

    launch("dist_train", "29541", tiny.config, 2, "--work-dir", tmp_path / "trained")
    checkpoint = tmp_path / "trained" / "iter_2.pth"
    state = torch.load(checkpoint, weights_only=False)["state_dict"]
    assert {key.split(".")[0] for key in state} == {"denoiser", "head_fingerprint"}
    # Three images on two ranks, one of which sees a fourth that does not count.
    two = launch("dist_test", "29542", tiny.config, checkpoint, 2, "--work-dir", "two")
    assert metrics_of(two) == metrics_of(tool("test", tiny.config, checkpoint))
