"""The check of the hosts: one line that says what to install."""

import importlib
import importlib.util
import types
from importlib.metadata import PackageNotFoundError

import pytest
from mmengine.config import utils

from mmdenoise import hosts


@pytest.fixture
def installed(monkeypatch):
    """Pretend that these versions are installed; an exception is raised on import."""

    def pretend(**found):
        real_import, real_find = importlib.import_module, importlib.util.find_spec

        def import_module(name, *args):
            if name not in found:
                return real_import(name, *args)
            if isinstance(found[name], Exception):
                raise found[name]
            return types.SimpleNamespace(__version__=found[name])

        def find_spec(name, *args):
            if name in found:
                return None if isinstance(found[name], ImportError) else object()
            return real_find(name, *args)

        monkeypatch.setattr(hosts.importlib, "import_module", import_module)
        monkeypatch.setattr(hosts.importlib.util, "find_spec", find_spec)

    return pretend


def missing(name):
    return ModuleNotFoundError(f"No module named {name!r}", name=name)


def test_what_is_installed_fits():
    assert hosts.check_hosts() is None


@pytest.mark.parametrize("name", ["mmengine", "mmcv"])
def test_a_missing_host(installed, name):
    installed(**{name: missing(name)})
    with pytest.raises(ImportError, match=f"needs {name}, which is missing") as error:
        hosts.check_hosts()
    message = str(error.value)
    assert "pip install 'mmdenoise[onedl]'" in message
    assert "'mmdenoise[openmmlab]'" in message and "\n" not in message


def test_a_host_whose_own_import_fails_is_not_called_missing(installed):
    installed(mmcv=missing("torchvision"))
    with pytest.raises(ModuleNotFoundError, match="torchvision"):
        hosts.check_hosts()


@pytest.mark.parametrize("name", ["mmseg", "mmpretrain"])
def test_task_hosts_may_be_missing(installed, name):
    installed(**{name: missing(name)})
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


def test_hosts_that_refuse_each_other(installed):
    installed(
        mmseg=AssertionError("MMCV==9 is used but incompatible.\n  Install older")
    )
    with pytest.raises(
        ImportError, match="the installed mmseg does not fit: MMCV==9"
    ) as e:
        hosts.check_hosts()
    assert "\n" not in str(e.value)


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
