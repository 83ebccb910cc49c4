"""The check of the hosts: one line that says what to install."""

import importlib
import importlib.util
import os
import subprocess
import sys
import types
from importlib.metadata import PackageNotFoundError

import pytest
from mmengine.config import utils

from mmdenoise import hosts

PIPES = dict(capture_output=True, text=True)


@pytest.fixture
def installed(monkeypatch, tmp_path):
    """Pretend that these versions are installed, in files; None is a missing one."""

    def pretend(**found):
        real = importlib.util.find_spec

        def find_spec(name, *args):
            if name not in found:
                return real(name, *args)
            if found[name] is None:
                return None
            folder = tmp_path / name
            folder.mkdir(exist_ok=True)
            version = f"__version__ = {found[name]!r}\n"
            (folder / "version.py").write_text(version)
            return types.SimpleNamespace(submodule_search_locations=[str(folder)])

        monkeypatch.setattr(hosts.importlib.util, "find_spec", find_spec)

    return pretend


def test_what_is_installed_fits():
    assert hosts.check_hosts() is None


@pytest.mark.parametrize("name", ["mmengine", "mmcv"])
def test_a_missing_host(installed, name):
    installed(**{name: None})
    with pytest.raises(ImportError, match=f"needs {name}, which is missing") as error:
        hosts.check_hosts()
    message = str(error.value)
    assert "pip install 'mmdenoise[onedl]'" in message
    assert "'mmdenoise[openmmlab]'" in message and "\n" not in message


def test_no_host_is_imported_to_learn_its_age():
    program = "import sys, mmdenoise; print('mmcv' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True
    )
    assert done.stdout == "False\n", done.stderr


def test_a_version_without_a_file_is_asked_of_the_module(installed, monkeypatch):
    spec = types.SimpleNamespace(submodule_search_locations=[])
    monkeypatch.setattr(hosts.importlib.util, "find_spec", lambda name: spec)
    module = types.SimpleNamespace(__version__="9.8")
    monkeypatch.setattr(hosts.importlib, "import_module", lambda name: module)
    assert hosts._version("mmcv") == "9.8"


@pytest.mark.parametrize("name", ["mmseg", "mmpretrain"])
def test_task_hosts_may_be_missing(installed, name):
    installed(**{name: None})
    assert hosts.check_hosts() is None


@pytest.mark.parametrize(
    ("name", "version", "needed"),
    [
        ("mmengine", "0.9.1", "0.10"),
        ("mmcv", "2.0.1", "2.1"),
        ("mmcv", "1.7.0", "2.1"),
        ("mmseg", "1.1.2", "1.2"),
        ("mmpretrain", "1.0.0rc8", "1.2"),
    ],
)
def test_an_old_host(installed, name, version, needed):
    installed(**{name: version})
    words = f"needs {name} {needed} or newer, found {version}; install one family"
    with pytest.raises(ImportError, match=words):
        hosts.check_hosts()


@pytest.mark.parametrize("version", ["0.10.0", "0.11.0", "1.0.0", "0.100.2"])
def test_new_hosts_are_compared_as_numbers(installed, version):
    installed(mmengine=version)
    assert hosts.check_hosts() is None


def test_hosts_that_refuse_each_other(installed, monkeypatch):
    installed(mmseg="1.2.2")

    def refuse(name):
        raise AssertionError("MMCV==9 is used but incompatible.\n  Install older")

    monkeypatch.setattr(hosts.importlib, "import_module", refuse)
    with pytest.raises(
        ImportError, match="the installed mmseg does not fit: MMCV==9"
    ) as e:
        hosts.has_host("mmseg")
    assert "\n" not in str(e.value)


def test_a_host_that_is_not_there(installed):
    installed(mmseg=None)
    assert not hosts.has_host("mmseg") and hosts.has_host("mmpretrain")


def test_a_host_whose_own_import_fails_is_not_called_missing(installed, monkeypatch):
    installed(mmseg="1.2.2")

    def fail(name):
        raise ModuleNotFoundError("No module named 'torchvision'")

    monkeypatch.setattr(hosts.importlib, "import_module", fail)
    with pytest.raises(ModuleNotFoundError, match="torchvision"):
        hosts.has_host("mmseg")


@pytest.mark.parametrize("there", [True, False])
def test_zoo_names_open_under_either_family(monkeypatch, there):
    monkeypatch.setitem(utils.MODULE2PACKAGE, "mmseg", "mmsegmentation")

    def version(name):
        if there:
            return "1.2.2"
        raise PackageNotFoundError(name)

    monkeypatch.setattr(hosts, "version", version)
    hosts._mend_zoo_names()
    expected = "mmsegmentation" if there else "mmseg"
    assert utils.MODULE2PACKAGE["mmseg"] == expected


@pytest.mark.parametrize("started", ["command", "module", "library"])
def test_a_command_without_hosts_ends_in_one_line(tmp_path, started):
    """As the console script starts it, which imports the package first."""
    (tmp_path / "sitecustomize.py").write_text(
        "import importlib.util as u\n"
        "real = u.find_spec\n"
        "u.find_spec = lambda n, *a: None if n == 'mmcv' else real(n, *a)\n"
    )
    script = tmp_path / "mmdenoise"
    script.write_text("import sys\nfrom mmdenoise.cli.main import main\nmain()\n")
    command = dict(
        command=[str(script), "--version"],
        module=["-m", "mmdenoise", "--version"],
        library=["-c", "import mmdenoise"],
    )[started]
    folder = importlib.util.find_spec("mmdenoise").submodule_search_locations[0]
    path = os.pathsep.join([str(tmp_path), os.path.dirname(folder)])
    environment = dict(os.environ, PYTHONPATH=path, PYTHONSAFEPATH="1")
    done = subprocess.run([sys.executable, *command], env=environment, **PIPES)
    assert done.returncode == 1
    lines = done.stderr.strip().splitlines()
    assert "mmdenoise needs mmcv, which is missing" in lines[-1]
    if started == "library":
        assert lines[0] == "Traceback (most recent call last):"
    else:
        assert len(lines) == 1 and lines[0].startswith("error: ")
