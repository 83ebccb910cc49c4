"""MMEngine's own loading, while a tool runs: ordinary files open, no code runs."""

import os
import threading
from collections import OrderedDict

import pytest
import torch
from mmengine.model import BaseModule
from mmengine.runner import checkpoint as mmengine_checkpoint
from mmengine.runner import load_checkpoint
from safetensors.torch import save_file

from mmdenoise.weights.mmengine_loading import safe_loading
from mmdenoise.weights.resume import checkpoint_to_resume

URL = "https://example.org/zoo/net-01234567.pth"


@pytest.fixture
def mark(tmp_path):
    return tmp_path / "mark"


@pytest.fixture
def trap(tmp_path, mark):
    """A file that makes a folder as it is unpickled, beside weights that fit."""

    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(mark),)

    path = str(tmp_path / "trap.pth")
    torch.save(dict(state_dict=Net().state_dict(), extra=Trap()), path)
    return path


class Net(BaseModule):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.weight = torch.nn.Parameter(torch.zeros(3))


@pytest.fixture
def served(monkeypatch, tmp_path):
    """Serve a file under every name of a model zoo."""

    def serve(path):
        def download(url, to):
            with open(path, "rb") as source, open(to, "wb") as target:
                target.write(source.read())

        monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
        monkeypatch.setattr(torch.hub, "download_url_to_file", download)
        for name in ("torchvision", "external", "mmcls"):
            monkeypatch.setattr(
                mmengine_checkpoint, f"get_{name}_models", lambda: dict(net=URL)
            )

    return serve


def test_the_trap_works(trap, mark):
    """Without us; else the tests below would show nothing."""
    load_checkpoint(Net(), trap)
    assert mark.exists()


NAMES = [
    *(URL, URL.replace("https", "http"), "torchvision://net", "modelzoo://net"),
    *("open-mmlab://net", "openmmlab://net", "mmcls://net"),
]


def test_no_local_file_runs_code(trap, mark):
    with safe_loading(), pytest.raises(ValueError, match="trap.pth.*not opened"):
        load_checkpoint(Net(), trap)
    assert not mark.exists()


@pytest.mark.parametrize("name", NAMES)
def test_no_download_runs_code(trap, mark, served, name):
    served(trap)
    with safe_loading(), pytest.raises(ValueError, match=URL[-16:]):
        load_checkpoint(Net(), name)
    assert not mark.exists()


def test_no_pretrained_weights_run_code(trap, mark):
    init = dict(type="Pretrained", checkpoint=trap)
    with safe_loading(), pytest.raises(ValueError, match="trap.pth.*not opened"):
        Net(init_cfg=init).init_weights()
    with safe_loading(), pytest.raises(ValueError, match="trap.pth.*not opened"):
        Net(init_cfg=dict(init, prefix="weight")).init_weights()
    assert not mark.exists()


@pytest.mark.parametrize("name", NAMES[:-1])
@pytest.mark.parametrize("zip_format", [True, False])
def test_ordinary_downloads_open(tmp_path, served, name, zip_format):
    """Many published files have the older format."""
    path = str(tmp_path / "x.pth")
    content = dict(meta=dict(epoch=3), state_dict=OrderedDict(weight=torch.ones(3)))
    torch.save(content, path, _use_new_zipfile_serialization=zip_format)
    served(path)
    net = Net(init_cfg=dict(type="Pretrained", checkpoint=name))
    with safe_loading():
        net.init_weights()
    assert net.weight.tolist() == [1, 1, 1]


def test_a_classifiers_backbone_of_the_old_zoo(tmp_path, served):
    path = str(tmp_path / "x.pth")
    torch.save({"backbone.weight": torch.ones(3), "head.a": torch.ones(1)}, path)
    served(path)
    net = Net()
    with safe_loading():
        load_checkpoint(net, "mmcls://net", strict=True)
    assert net.weight.tolist() == [1, 1, 1]


def test_safetensors_open(tmp_path):
    save_file(dict(weight=torch.ones(3)), tmp_path / "x.safetensors")
    net = Net()
    with safe_loading():
        load_checkpoint(net, str(tmp_path / "x.safetensors"))
    assert net.weight.tolist() == [1, 1, 1]


@pytest.mark.parametrize("name", ["local", URL])
def test_no_text_is_left_to_be_run(tmp_path, served, name):
    """``Runner.resume`` gives it to ``Config.fromstring``, which executes Python."""
    path = str(tmp_path / "x.pth")
    meta = dict(iter=1, cfg="a = 1", config="raise SystemExit")
    torch.save(dict(state_dict=Net().state_dict(), meta=meta), path)
    served(path)
    with safe_loading():
        found = load_checkpoint(Net(), path if name == "local" else name)
    assert found["meta"] == dict(iter=1, cfg="a = 1")


@pytest.mark.parametrize("dtype", [torch.int8, torch.complex64, torch.bool])
def test_other_numbers_are_not_cast(tmp_path, dtype):
    """A bare task network's checkpoint goes through MMEngine's own loader."""
    network = torch.nn.Sequential(torch.nn.Linear(2, 2))
    path = str(tmp_path / "x.pth")
    state = dict(network.state_dict(), **{"0.weight": torch.ones(2, 2, dtype=dtype)})
    torch.save(dict(state_dict=state), path)
    before = network[0].weight.clone()
    with safe_loading(), pytest.raises(ValueError, match="x.pth' holds other numbers"):
        load_checkpoint(network, path)
    assert torch.equal(network[0].weight, before)


def test_all_is_as_before_afterwards(trap, mark):
    with pytest.raises(KeyError), safe_loading():
        with safe_loading():
            pass
        # Within another one it changes nothing, at its end neither.
        with pytest.raises(ValueError, match="not opened"):
            load_checkpoint(Net(), trap)
        raise KeyError
    assert not mark.exists()
    load_checkpoint(Net(), trap)
    assert mark.exists()


def test_other_threads_are_left_alone(trap, mark):
    """What one thread opens safely, another may be opening as MMEngine does."""
    found = []
    thread = threading.Thread(target=lambda: found.append(load_checkpoint(Net(), trap)))
    with safe_loading():
        thread.start()
        thread.join()
        assert mark.exists() and len(found) == 1
        with pytest.raises(ValueError, match="not opened"):
            load_checkpoint(Net(), trap)


def test_the_environment_is_left_alone(trap):
    before = dict(os.environ)
    with safe_loading(), pytest.raises(ValueError):
        assert dict(os.environ) == before
        load_checkpoint(Net(), trap)


# The checkpoint to resume


def test_trust_is_for_that_folder(tmp_path, trap, mark):
    """A scheduler that keeps a function, for instance."""
    os.rename(trap, tmp_path / "iter_3.pth")
    other = tmp_path / "other"
    other.mkdir()
    with pytest.raises(ValueError, match="none of the 1 checkpoints"):
        checkpoint_to_resume(str(tmp_path))
    assert not mark.exists()
    with safe_loading():
        found = checkpoint_to_resume(str(tmp_path), trusted=True)
        assert found == str(tmp_path / "iter_3.pth") and mark.exists()
        os.rmdir(mark)
        load_checkpoint(Net(), found)
        assert mark.exists()
        os.link(found, other / "iter_3.pth")
        with pytest.raises(ValueError, match="not opened"):
            load_checkpoint(Net(), str(other / "iter_3.pth"))
