"""Files of weights: every kind that is written, and what must not be opened."""

import pickle
import zipfile

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer
from safetensors.torch import save_file
from torch import nn

from mmdenoise.models.checkpoints import (
    denoiser_weights,
    fingerprint,
    load_strictly,
    mismatch,
    read_state_dict,
)


@pytest.fixture
def weights():
    return {"conv.weight": torch.rand(2, 3), "conv.bias": torch.rand(2)}


def same(one, other):
    return set(one) == set(other) and all(torch.equal(one[k], other[k]) for k in one)


class Runs:
    """Pickled, it writes a file when it is opened."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


class Gets:
    """Pickled, it looks up an attribute when it is opened."""

    def __init__(self, owner, name):
        self.what = owner, name

    def __reduce__(self):
        return getattr, self.what


def test_kinds_of_files(tmp_path, weights):
    torch.save(weights, tmp_path / "bare.pth")
    torch.save(dict(state_dict=weights, meta={}), tmp_path / "wrapped.pth")
    torch.save(weights, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    torch.save({f"module.{k}": v for k, v in weights.items()}, tmp_path / "ddp.pth")
    save_file(weights, tmp_path / "some.safetensors")
    for path in sorted(tmp_path.iterdir()):
        assert same(read_state_dict(str(path)), weights), path.name


def test_a_prefix_of_some_keys_stays(tmp_path):
    state = {"module.a": torch.ones(1), "b": torch.ones(1)}
    torch.save(state, tmp_path / "some.pth")
    assert set(read_state_dict(str(tmp_path / "some.pth"))) == {"module.a", "b"}


@pytest.mark.parametrize("core", ["core", "_core"])
def test_checkpoint_of_a_runner_of_either_numpy(tmp_path, weights, core):
    """Message hub and histories: NumPy 1 and 2 name their module differently."""
    history = HistoryBuffer([1.0, 2.0], [1, 1])
    whole = dict(
        state_dict=weights,
        meta=dict(epoch=1, seed=0, dataset_meta=dict(classes=("a", "b"))),
        message_hub=dict(log_scalars={"train/loss": history}, x=np.float64(0.5)),
    )
    written = tmp_path / "written.pth"
    torch.save(whole, written)
    path = tmp_path / "checkpoint.pth"
    with zipfile.ZipFile(written) as source, zipfile.ZipFile(path, "w") as target:
        for item in source.infolist():
            data = source.read(item)
            if item.filename.endswith("data.pkl"):
                assert b"multiarray" in data
                data = data.replace(b"numpy._core.", b"numpy.core.")
                data = data.replace(b"numpy.core.", f"numpy.{core}.".encode())
            target.writestr(item, data)
    assert same(read_state_dict(str(path)), weights)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_code_in_a_file_does_not_run(tmp_path, weights):
    trace = tmp_path / "trace"
    path = tmp_path / "evil.pth"
    torch.save(dict(state_dict=weights, extra=Runs(trace)), path)
    words = r"holds more than weights.*not opened \(Unsupported global"
    with pytest.raises(ValueError, match=words) as error:
        read_state_dict(str(path), "head_checkpoint")
    assert not trace.exists()
    assert str(error.value).startswith("head_checkpoint: ")
    assert "evil.pth" in str(error.value) and "\n" not in str(error.value)
    with open(path, "wb") as file:
        pickle.dump(Runs(trace), file)
    with pytest.raises(ValueError, match="evil.pth"):
        read_state_dict(str(path))
    assert not trace.exists()


def test_getattr_in_a_file_is_not_called(tmp_path, weights):
    """Histories of scalars need it, for their own statistics and nothing else."""
    for owner, name in (
        (HistoryBuffer([1.0], [1]), "data"),
        (HistoryBuffer, "__init__"),
        (slice, "mean"),
    ):
        torch.save(
            dict(state_dict=weights, extra=Gets(owner, name)), tmp_path / "x.pth"
        )
        with pytest.raises(ValueError, match=f"not opened .*attribute '{name}'"):
            read_state_dict(str(tmp_path / "x.pth"))


def test_missing_file():
    with pytest.raises(
        FileNotFoundError, match="head_checkpoint: there is no file 'no/such.pth'"
    ):
        read_state_dict("no/such.pth", "head_checkpoint")


@pytest.mark.parametrize("name", ["x.pth", "x.safetensors"])
@pytest.mark.parametrize("kind", ["empty", "text", "cut", "old cut", "noise"])
def test_corrupt_files(tmp_path, weights, name, kind):
    path = tmp_path / name
    old = kind == "old cut"
    if name.endswith("pth"):
        torch.save(weights, path, _use_new_zipfile_serialization=not old)
    else:
        save_file(weights, path)
    data = path.read_bytes()
    path.write_bytes(
        {
            "empty": b"",
            "text": b"<html>404</html>",
            "cut": data[: len(data) // 2],
            "old cut": data[: len(data) * 2 // 3],
            "noise": bytes(np.random.RandomState(0).bytes(500)),
        }[kind]
    )
    with pytest.raises(
        ValueError, match="denoiser_checkpoint: .*x.(pth|safet)"
    ) as error:
        read_state_dict(str(path), "denoiser_checkpoint")
    assert type(error.value) is ValueError
    assert "\n" not in str(error.value)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_old_files_damaged_anywhere_are_named(tmp_path, weights):
    path = tmp_path / "old.pth"
    torch.save(weights, path, _use_new_zipfile_serialization=False)
    data = path.read_bytes()
    random = np.random.RandomState(0)
    refused = 0
    for _ in range(150):
        damaged = bytearray(data)
        for _ in range(10):
            damaged[random.randint(300)] = random.randint(256)
        path.write_bytes(damaged)
        try:
            read_state_dict(str(path))
        except Exception as error:
            refused += 1
            assert type(error) is ValueError and "old.pth" in str(error), repr(error)
    assert refused > 100


@pytest.mark.parametrize(
    "content", [[1, 2], {}, {"a": 1}, {"state_dict": {}}, {3: torch.ones(1)}]
)
def test_files_without_weights(tmp_path, content):
    torch.save(content, tmp_path / "x.pth")
    with pytest.raises(ValueError, match="holds no weights"):
        read_state_dict(str(tmp_path / "x.pth"))


def test_denoiser_weights_of_a_cascade_and_bare(weights):
    cascade = {f"denoiser.{k}": v for k, v in weights.items()}
    cascade.update(
        {"head.conv.weight": torch.ones(1), "head_fingerprint": torch.ones(1)}
    )
    assert same(denoiser_weights(cascade), weights)
    assert same(denoiser_weights(weights), weights)


def test_mismatch_names_the_keys():
    expected = {f"k{i}": torch.zeros(2, 3) for i in range(6)}
    given = {"k0": torch.zeros(3, 2), "k1": torch.zeros(2, 3), "other": torch.zeros(1)}
    assert mismatch(expected, given) == (
        "missing: k2, k3, k4 and 1 more; unknown: other; "
        "wrong shape: k0 (3, 2) instead of (2, 3)"
    )
    assert mismatch(expected, expected) == ""
    assert mismatch({"bn.num_batches_tracked": torch.zeros(())}, {}) == ""


def test_load_strictly():
    module = nn.Linear(3, 2)
    state = {k: torch.rand_like(v) for k, v in module.state_dict().items()}
    load_strictly(module, state, "it")
    assert same(module.state_dict(), state)
    for change, words in (
        (lambda s: s.pop("bias"), "it does not fit: missing: bias"),
        (lambda s: s.update(scale=torch.ones(1)), "it does not fit: unknown: scale"),
        (
            lambda s: s.update(bias=torch.ones(3)),
            r"it does not fit: wrong shape: bias \(3,\) instead of \(2,\)",
        ),
    ):
        wrong = dict(state)
        change(wrong)
        with pytest.raises(RuntimeError, match=words) as error:
            load_strictly(module, wrong, "it")
        assert "\n" not in str(error.value)


def test_load_strictly_passes_over_buffers_that_are_not_kept():
    module = nn.Linear(3, 2)
    module.register_buffer("mean", torch.zeros(3), persistent=False)
    state = dict(module.state_dict(), mean=torch.ones(3))
    load_strictly(module, state, "it")
    assert torch.equal(module.mean, torch.zeros(3))


def test_fingerprint_sees_everything_but_the_order(weights):
    print_ = fingerprint(weights)
    assert print_.dtype == torch.uint8 and print_.shape == (32,)
    assert torch.equal(print_, fingerprint(dict(reversed(weights.items()))))
    channels_last = torch.rand(2, 3, 4, 5)
    assert torch.equal(
        fingerprint(dict(a=channels_last)),
        fingerprint(dict(a=channels_last.to(memory_format=torch.channels_last))),
    )
    weight = weights["conv.weight"]
    nudged = weight.clone()
    nudged[1, 2] = torch.nextafter(nudged[1, 2], torch.tensor(2.0))
    others = [
        dict(weights, **{"conv.weight": nudged}),
        dict(weights, **{"conv.weight": weight.double()}),
        dict(weights, **{"conv.weight": weight.view(3, 2)}),
        {"conv.weight": weight},
        {"conv.weight": weight, "conv.bia": weights["conv.bias"]},
    ]
    for other in others:
        assert not torch.equal(print_, fingerprint(other))
    scalar = dict(n=torch.tensor(3), none=torch.zeros(0))
    assert fingerprint(scalar).shape == (32,)
