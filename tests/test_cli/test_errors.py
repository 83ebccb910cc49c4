"""Errors of one line: what they say, and when Python says more."""

import argparse
import os

import pytest
import torch
from mmengine.runner import CheckpointLoader

from mmdenoise.cli.errors import exit_code

NONE = argparse.Namespace()


@pytest.fixture(autouse=True)
def _environment(monkeypatch):
    # Set and delete: what a test sets is undone at its end.
    monkeypatch.setenv("MMDENOISE_TRACEBACK", "")
    monkeypatch.delenv("MMDENOISE_TRACEBACK")


@pytest.mark.parametrize(
    "error",
    [
        ValueError("sigma must\n  not be\tnegative"),
        FileNotFoundError("sigma must not be negative"),
        RuntimeError("sigma must not be negative"),
        ImportError("sigma must not be negative"),
        KeyError("sigma must not be negative"),
    ],
)
def test_foreseen_errors_are_one_line(capsys, error):
    def main(_):
        raise error

    assert exit_code(main, NONE) == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "error: sigma must not be negative"
    assert not any("Traceback" in line for line in lines)


def test_an_error_of_a_loaders_worker_is_one_line(capsys):
    """PyTorch raises it again with the whole traceback as its message."""

    def main(_):
        raise ValueError(
            "Caught ValueError in DataLoader worker process 0.\n"
            "Original Traceback (most recent call last):\n"
            '  File "somewhere.py", line 3, in load\n    raise ValueError(\n'
            "ValueError: cannot read the image 'a.png': it is: truncated\n"
        )

    assert exit_code(main, NONE) == 1
    first = capsys.readouterr().err.splitlines()[0]
    assert first == "error: cannot read the image 'a.png': it is: truncated"


def test_the_traceback_on_demand(monkeypatch):
    monkeypatch.setenv("MMDENOISE_TRACEBACK", "1")

    def main(_):
        raise ValueError("here")

    with pytest.raises(ValueError, match="here"):
        exit_code(main, NONE)


def test_mistakes_of_ours_are_not_hidden():
    def main(_):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        exit_code(main, NONE)


def test_a_command_never_unpickles_what_is_not_data(tmp_path, capsys):
    """MMEngine's own loader is told to, by nothing but the call."""

    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "mark"),)

    path = str(tmp_path / "x.pth")
    torch.save(dict(state_dict={}, more=Trap()), path)
    assert exit_code(lambda _: CheckpointLoader.load_checkpoint(path), NONE) == 1
    assert "was not opened" in capsys.readouterr().err
    assert not (tmp_path / "mark").exists()


def test_a_tool_that_works_returns(capsys):
    exit_code(lambda _: print("done"), NONE)
    assert capsys.readouterr().out == "done\n"
