"""Bad inputs over all commands: one line that names the culprit, and no result."""

import shlex
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.test_cli.bad_inputs.cases import all_cases
from tests.test_cli.bad_inputs.files import make_configs, make_images, make_weights

CASES = all_cases()
# One in so many runs with the fast tests.
SHARE = 16


@pytest.fixture(scope="module")
def bad(tmp_path_factory, tiny, command_once):
    """A folder of bad files, and the names of good ones."""
    folder = tmp_path_factory.mktemp("bad")
    release = str(folder / "release.safetensors")
    command_once("export", tiny.denoiser, release, "--config", tiny.config)
    (folder / "clean").mkdir()
    (folder / "files").mkdir()
    make_images(folder / "files")
    make_weights(folder / "files", tiny.denoiser, release)
    make_configs(folder / "files")
    (folder / "files" / "good.png").rename(folder / "clean" / "good.png")
    (folder / "files" / "good.png").write_bytes(
        (folder / "clean" / "good.png").read_bytes()
    )
    return SimpleNamespace(
        folder=folder / "files",
        names=dict(
            config=tiny.config,
            head=tiny.head,
            denoiser=tiny.denoiser,
            release=release,
            images=str(folder / "clean"),
        ),
    )


@pytest.fixture(scope="module")
def command_once():
    """Run a command where no test's fixture can be had yet."""
    from mmdenoise.cli.main import main

    def run(*arguments):
        assert main(list(arguments)) == 0

    return run


def test_there_are_enough():
    counts = Counter(case.command for case in CASES)
    # pytest -rP shows it.
    print(*(f"{number:4d} {command}" for command, number in counts.items()), sep="\n")
    assert sum(counts.values()) >= 300


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(
            case,
            id=case.line or "nothing",
            marks=[] if number % SHARE == 0 else pytest.mark.slow,
        )
        for number, case in enumerate(CASES)
    ],
)
def test_it_is_named_in_one_line(case, bad, command, monkeypatch, tmp_path):
    monkeypatch.chdir(bad.folder)
    before = files(bad.folder)
    line = case.line.replace("OUT", f"{tmp_path}/OUT")
    words = shlex.split(line)
    run = command(*(word.format(**bad.names) for word in words))
    assert run.code in (1, 2), run.out
    text = run.out + run.err
    assert "Traceback (most recent call last)" not in text
    said = [line for line in run.err.splitlines() if "error: " in line]
    assert any(case.culprit in line for line in said), said
    assert not (bad.folder / "sprung").exists(), "a file's program has run"
    assert not [p for p in tmp_path.rglob("OUT*") if p.is_file()]
    changed = {p for p in files(bad.folder) ^ before if "work_dirs" not in str(p)}
    assert not changed


def files(folder):
    return {
        (path, path.stat().st_size)
        for path in Path(folder).rglob("*")
        if path.is_file()
    }
