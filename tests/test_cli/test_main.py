"""The command as a whole: names, help, wrong usage, and that these come at once."""

import re
import subprocess
import sys

import pytest

from mmdenoise.cli import benchmark, study
from mmdenoise.cli.main import COMMANDS, build_parser
from mmdenoise.cli.options import read_seed

GROUPS = {"benchmark": benchmark.COMMANDS, "study": study.COMMANDS}
ALL = [
    [name, *rest]
    for name in COMMANDS
    for rest in ([[]] if name not in GROUPS else [[one] for one in GROUPS[name]])
]
LIGHT = """
import sys
from mmdenoise.cli.main import main
try:
    main(sys.argv[1:])
finally:
    heavy = {"torch", "mmcv", "mmseg", "mmpretrain", "matplotlib"} & set(sys.modules)
    print(sorted(heavy), file=sys.stderr)
"""


@pytest.mark.parametrize("name", ALL, ids=" ".join)
def test_every_command_has_help_and_says_what_it_misses(command, name):
    run = command(*name, "--help")
    assert run.code == 0 and run.out.startswith(f"usage: mmdenoise {' '.join(name)} ")
    # An example on two lines ends the first with a backslash, which Python would eat.
    assert not re.search(r"^mmdenoise .* {4}--", run.out, re.MULTILINE)
    run = command(*name, "--no-such-option", "x", "y", "z")
    assert run.code == 2
    assert f"mmdenoise {' '.join(name)}: error: " in run.err


def test_the_help_lists_every_command(command):
    out = command("--help").out
    assert all(f"\n    {name} " in out or f"\n    {name}\n" in out for name in COMMANDS)


def test_a_wrong_command_is_named(command):
    run = command("denoize")
    assert run.code == 2 and "invalid choice: 'denoize'" in run.err


@pytest.mark.parametrize(
    "arguments", [["--help"], ["train", "--wrong"], ["denoise", "--help"]]
)
def test_neither_torch_nor_a_host_is_imported_for_that(arguments):
    done = subprocess.run(
        [sys.executable, "-c", LIGHT, *arguments], capture_output=True, text=True
    )
    assert done.stderr.splitlines()[-1] == "[]", done.stderr


def test_python_dash_m():
    done = subprocess.run(
        [sys.executable, "-m", "mmdenoise", "--version"], capture_output=True, text=True
    )
    assert done.stdout.startswith("mmdenoise 0.")


@pytest.mark.parametrize(
    "old, dest, expected",
    [
        (["compare", "c.py", "--arm", "a=b"], "denoiser", ["a=b"]),
        (["compare", "c.py", "--work-dir", "w"], "out", "w"),
        (["compare", "c.py", "--noise-seeds", "1", "2"], "seed", [1, 2]),
        (["predict", "c.py", "a", "b", "--out-dir", "w"], "out", "w"),
        (["train", "c.py", "--amp"], "precision", "float16"),
        (["train", "c.py", "--amp", "bfloat16"], "precision", "bfloat16"),
        (
            ["benchmark", "accuracy", "--data", "a=b", "--method", "a=b"],
            "denoiser",
            ["a=b"],
        ),
        (["benchmark", "accuracy", "--data", "a=b", "--sigmas", "5"], "sigma", [5.0]),
        (["benchmark", "designs", "--weights", "a=b"], "denoiser", ["a=b"]),
        (["demo", "--out-dir", "w"], "out", "w"),
    ],
)
def test_old_spellings_work(old, dest, expected):
    assert getattr(build_parser().parse_args(old), dest) == expected


@pytest.mark.parametrize(
    "given, dest, expected",
    [
        (["compare", "c.py"], "seed", [0]),
        (["compare", "c.py"], "denoiser", []),
        (["predict", "c.py", "a", "b"], "out", "outputs"),
        (["train", "c.py"], "precision", None),
        (["benchmark", "accuracy", "--data", "a=b"], "sigma", [25, 35, 50]),
    ],
)
def test_old_spellings_change_no_default(given, dest, expected):
    assert getattr(build_parser().parse_args(given), dest) == expected


def test_shared_options_have_one_default_and_one_help():
    """Options of one name: the same default wherever they are one value."""
    found = {}
    for name in ALL:
        parser = build_parser()
        for part in name:
            (commands,) = (a for a in parser._actions if a.dest == "==SUPPRESS==")
            parser = commands.choices[part]
        for action in parser._actions:
            for option in ("--device", "--seed", "--threads", "--first", "--precision"):
                if option in action.option_strings and action.nargs is None:
                    found.setdefault(option, set()).add((action.default, action.type))
    assert found.pop("--device") == {(None, None)}
    assert found.pop("--seed") == {(0, read_seed)}
    # A training leaves it to the config; what trains nothing has no such place.
    assert found.pop("--precision") == {(None, None), ("auto", None)}
    assert all(len(kinds) == 1 for kinds in found.values()), found
