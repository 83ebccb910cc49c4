"""Code that a config imports, and what that imports in its turn."""

import importlib
import sys

import pytest

from mmdenoise.evaluation.content_digests import code_digest
from mmdenoise.evaluation.imported_sources import sources_of


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A module, its helper, the helper's helper, and a package with a part."""
    monkeypatch.syspath_prepend(str(tmp_path))
    files = {
        "main_of_it.py": "import os, torch\nfrom mmdenoise import denoise\n"
        "def f():\n    import helper_of_it\n",
        "helper_of_it.py": "from pack_of_it.part import g\nimport main_of_it\n",
        "pack_of_it/__init__.py": "raise RuntimeError('it is not run')\n",
        "pack_of_it/part.py": "from . import other\n",
        "pack_of_it/other.py": "",
        "broken_of_it.py": "import (",
        "alone_of_it.py": "",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    importlib.invalidate_caches()
    return tmp_path


def test_imports_are_followed_and_nothing_is_run(project):
    found = {path[len(str(project)) + 1 :] for path in sources_of(["main_of_it"])}
    assert found == {
        "main_of_it.py",
        "helper_of_it.py",
        *(f"pack_of_it/{name}.py" for name in ("__init__", "part", "other")),
    }
    assert "helper_of_it" not in sys.modules


def test_what_is_not_there_or_no_code_is_passed(project):
    assert sources_of(["gone_of_it", "os.gone", ""]) == set()
    assert sources_of(["broken_of_it"]) == {str(project / "broken_of_it.py")}


@pytest.mark.parametrize(
    "name, changes",
    [
        ("main_of_it.py", True),
        ("helper_of_it.py", True),
        ("pack_of_it/other.py", True),
        ("alone_of_it.py", False),
    ],
)
def test_a_change_of_any_is_another_digest(project, name, changes):
    before = code_digest(["main_of_it"])
    with (project / name).open("a") as file:
        file.write("# more\n")
    assert (code_digest(["main_of_it"]) != before) is changes


def test_modules_above_the_rooms_count(monkeypatch, tmp_path):
    """``mmdenoise/precision.py``, for instance."""
    import shutil

    import mmdenoise
    from mmdenoise.evaluation import content_digests

    copy = tmp_path / "mmdenoise"
    shutil.copytree(mmdenoise.__path__[0], copy)
    monkeypatch.setattr(content_digests.mmdenoise, "__file__", str(copy / "x.py"))
    before = code_digest()
    with (copy / "precision.py").open("a") as file:
        file.write("# more\n")
    assert code_digest() != before
