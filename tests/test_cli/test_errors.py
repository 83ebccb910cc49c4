"""Errors of one line: what they say, and when Python says more."""

import argparse
import io
import logging
import os
import sys

import pytest
import torch
from mmengine.registry import Registry
from mmengine.runner import CheckpointLoader
from torch._utils import ExceptionWrapper

from mmdenoise.cli.errors import describe, exit_code
from mmdenoise.cli.main import main
from tests.fixtures.commands import CommandRun

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
    def fail(_):
        raise error

    assert exit_code(fail, NONE) == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "error: sigma must not be negative"
    assert not any("Traceback" in line for line in lines)


def test_an_error_of_a_loaders_worker_is_one_line(capsys):
    """PyTorch raises it again with the whole traceback as its message."""

    def fail(_):
        raise ValueError(
            "Caught ValueError in DataLoader worker process 0.\n"
            "Original Traceback (most recent call last):\n"
            '  File "somewhere.py", line 3, in load\n    raise ValueError(\n'
            "ValueError: cannot read the image 'a.png': it is: truncated\n"
        )

    assert exit_code(fail, NONE) == 1
    first = capsys.readouterr().err.splitlines()[0]
    assert first == "error: cannot read the image 'a.png': it is: truncated"


def test_the_traceback_on_demand(monkeypatch):
    monkeypatch.setenv("MMDENOISE_TRACEBACK", "1")

    def fail(_):
        raise ValueError("here")

    with pytest.raises(ValueError, match="here"):
        exit_code(fail, NONE)


@pytest.mark.parametrize(
    "error, words",
    [
        (ZeroDivisionError(), "ZeroDivisionError: no more is known ("),
        (KeyError("gt_seg_map"), "KeyError: gt_seg_map ("),
        (AttributeError("no attribute 'x'"), "AttributeError: no attribute 'x' ("),
        (TypeError("bad operand"), "TypeError: bad operand ("),
        (RuntimeError(), "RuntimeError: no more is known ("),
    ],
)
def test_what_nobody_thought_of_is_one_line_too(capsys, error, words):
    """With its kind, and the line that raised it."""

    def fail(_):
        raise error

    assert exit_code(fail, NONE) == 1
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith(f"error: {words}")
    assert "/test_cli/test_errors.py:" in first
    assert second == "(--traceback shows where)"


def test_an_unknown_key_is_named():
    class Denoiser:
        def __init__(self, depth):
            pass

    with pytest.raises(TypeError) as error:
        Denoiser(dept=3)
    words = "has no option 'dept': a config's key is misspelled?"
    assert words in describe(error.value)
    registry = Registry("things")
    registry.register_module(module=Denoiser)
    with pytest.raises(TypeError) as error:
        registry.build(dict(type="Denoiser", depth=1, dept=3))
    assert describe(error.value) == f"Denoiser {words}"


def test_no_line_is_a_page():
    assert len(describe(ValueError("x" * 100_000))) == 1000


def test_the_user_may_stop_it(capsys):
    def fail(_):
        raise KeyboardInterrupt

    assert exit_code(fail, NONE) == 130
    assert capsys.readouterr().err == "error: interrupted\n"


def test_a_terminal_of_few_letters(monkeypatch):
    """What it cannot show is spelt out; nothing ends in an encoding error."""
    out, err = (io.TextIOWrapper(io.BytesIO(), "ascii") for _ in range(2))
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    assert main(["denoise", "\u03c3.png", "out.png"]) == 1
    err.flush()
    assert b"no file or folder '\\u03c3.png'" in err.buffer.getvalue()


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


@pytest.mark.parametrize(
    "error, expected",
    [
        (ValueError("cannot read the image 'a: b.png':\n  cut short"), None),
        (FileNotFoundError("there is no image 'a.png'"), None),
        (KeyError("gt_seg_map"), "KeyError: 'gt_seg_map'"),
        (
            RuntimeError(),
            "RuntimeError (in a worker of the loader; with num_workers=0 its file is "
            "named)",
        ),
    ],
)
def test_a_workers_error_is_one_line_too(capsys, error, expected):
    """It arrives as a whole traceback, in the message of another error."""

    def failing(_):
        try:
            try:
                raise OSError("what came first")
            except OSError:
                raise error  # noqa: B904 - chained, as happens
        except Exception:
            wrapped = ExceptionWrapper(where="in DataLoader worker process 0")
        wrapped.reraise()

    code = exit_code(failing, NONE)
    run = CommandRun(code, "", capsys.readouterr().err)
    assert run.error == (expected or " ".join(str(error).split()))


def test_the_systems_words_name_the_file_first(tmp_path):
    with pytest.raises(OSError) as missing:
        (tmp_path / "gone").open()
    text = describe(missing.value)
    assert text == f"there is no file or folder {str(tmp_path / 'gone')!r}"
    with pytest.raises(OSError) as folder:
        tmp_path.open()
    assert describe(folder.value) == f"{str(tmp_path)!r}: Is a directory"


def test_an_operator_of_pythons_says_where_it_is():
    ours = compile("2 <= 'x'", "/site-packages/mmdenoise/models/x.py", "eval")
    with pytest.raises(TypeError) as error:
        eval(ours)
    assert describe(error.value).endswith("'int' and 'str' (mmdenoise/models/x.py:1)")


def test_a_log_that_cannot_be_written_shows_no_traceback(capsys):
    """``mmdenoise test ... | head -1``: each line after it would be a page."""
    handler = logging.StreamHandler(io.StringIO())
    handler.stream.close()
    logger = logging.getLogger("closed pipe")
    logger.addHandler(handler)
    before = logging.raiseExceptions
    assert exit_code(lambda _: logger.warning("a line"), NONE) == 0
    assert capsys.readouterr().err == ""
    assert logging.raiseExceptions is before
