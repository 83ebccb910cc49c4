"""The check of the documents finds each kind of fault, and none where there is none."""

import importlib.util
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def checker():
    spec = importlib.util.spec_from_file_location(
        "check_docs", ROOT / ".ci" / "check_docs.py"
    )
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def faults(checker, tmp_path):
    (tmp_path / "other.md").write_text("# Noise, and `sigma`\n")

    def of(text):
        page = tmp_path / "page.md"
        page.write_text(text)
        return [fault for _, fault in checker.faults_of(page)]

    return of


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[a](missing.md)", "dead link missing.md"),
        ("[a](other.md#none)", "dead link other.md#none: no such heading"),
        ("[a](#none)", "dead link #none: no such heading"),
        ("![a](none.png)", "dead link none.png"),
        ("in MCTIME minutes", "placeholder 'MCTIME'"),
        ("The table is to be measured.", "placeholder 'to be measured'"),
        ("`configs/none.py`", "there is no configs/none.py"),
        ("```bash\nmake nothing\n```", "the Makefile has no target 'nothing'"),
        ("```bash\npython tools/none.py a\n```", "there is no tools/none.py"),
    ],
)
def test_a_fault_is_found(faults, text, fault):
    assert faults(text) == [fault]


def test_a_sound_page(faults):
    text = (
        "# Page\n[a](other.md#noise-and-sigma) [b](#page) [c](https://example.org/x)\n"
        "`configs/cascade_deeplab_sigma60.py`\n"
        "```bash\nmake test  # all\npython tools/train.py config.py\n```\n"
    )
    assert faults(text) == []


def test_lines_are_the_pages(checker, tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# A\n```bash\nls\nmake nothing \\\n  lint\n```\nTBD\n")
    assert sorted(line for line, _ in checker.faults_of(page)) == [4, 7]


def test_commands_are_asked_for_their_options(checker, monkeypatch, faults):
    known = {("denoise",): frozenset({"--sigma"}), ("benchmark", "speed"): frozenset()}
    monkeypatch.setattr(checker, "options_of", known.get)
    monkeypatch.setattr(checker, "all_options", lambda: frozenset({"--sigma"}))
    assert faults("```bash\nmmdenoise denoise a b --sigma 25\n```") == []
    assert faults("```bash\nA=1 mmdenoise denoise a \\\n  b --tile=5\n```") == [
        "'mmdenoise denoise' has no option --tile"
    ]
    assert faults("```bash\n.venv/bin/mmdenoise paint a\n```") == [
        "there is no command 'mmdenoise paint'"
    ]
    assert faults("```bash\npython -m mmdenoise benchmark speed --sigma 1\n```") == [
        "'mmdenoise benchmark speed' has no option --sigma"
    ]
    assert faults("`--sigma`, `pip --user`, `--loud`") == [
        "no command has the option --loud"
    ]


def test_a_changelog_may_name_what_is_gone(checker, tmp_path):
    page = tmp_path / "CHANGELOG.md"
    page.write_text("`tools/none.py` [a](none.md)\n")
    assert [fault for _, fault in checker.faults_of(page)] == ["dead link none.md"]
