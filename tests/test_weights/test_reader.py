"""Opening files: whole checkpoints come back, and nothing that a file holds is run."""

import io
import os
import pickle
import re
import subprocess
import tarfile
import zipfile
from collections import Counter, OrderedDict

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer
from safetensors.torch import save_file

from mmdenoise.weights import reader as safe_reader
from mmdenoise.weights.limits import Budget
from mmdenoise.weights.pickled_values import Values
from mmdenoise.weights.reader import open_checkpoint
from mmdenoise.weights.restricted_pickle import Unpickler


class Calls:
    """Pickled, it calls something when it is opened."""

    def __init__(self, function, *arguments):
        self.what = function, arguments

    def __reduce__(self):
        return self.what


def save(content, path, form="zip"):
    torch.save(content, path, _use_new_zipfile_serialization=form == "zip")
    return str(path)


def refusal(path, what="load_from"):
    with pytest.raises(ValueError) as error:
        open_checkpoint(path, what)
    assert type(error.value) is ValueError
    message = str(error.value)
    assert message.startswith(f"{what}: ") and os.path.basename(path) in message
    assert "\n" not in message
    return message


FORMS = pytest.mark.parametrize("form", ["zip", "stream"])


@FORMS
def test_a_whole_checkpoint_comes_back(tmp_path, form):
    """All that MMEngine, its hooks and its schedulers write."""
    state = torch.nn.BatchNorm2d(3).state_dict()
    state["parameter"] = torch.nn.Parameter(torch.rand(2, 3))
    state["view"] = torch.arange(12.0).view(3, 4).t()[1:]
    for dtype in (torch.float16, torch.bfloat16, torch.int64, torch.uint8, torch.bool):
        state[str(dtype)] = torch.tensor([0, 1]).to(dtype)
    history = HistoryBuffer([0.5, 0.25], [1, 2])
    generator = np.random.RandomState(3)
    whole = dict(
        state_dict=state,
        ema_state_dict=OrderedDict(steps=torch.tensor(3)),
        meta=dict(iter=7, seed=None, cfg="a = 1\n", classes=("a", "b"), ok=True),
        optimizer=dict(state={0: dict(step=torch.tensor(1.0))}, param_groups=[{}]),
        param_schedulers=[dict(milestones=Counter([3, 3, 5]), gamma=0.1)],
        message_hub=dict(
            log_scalars=OrderedDict(loss=history),
            runtime_info=OrderedDict(x=np.float64(0.5), n=np.int64(3), y=np.float32(1)),
        ),
        random_state=dict(numpy=generator.get_state(), torch=torch.get_rng_state()),
        arrays=[np.zeros((0, 2)), np.arange(6, dtype=np.uint32).reshape(2, 3)],
        others=[b"", b"\x00\xff", 2**70, -1.5, {1, 2}, 1j, slice(1, None), "ü"],
        kinds=[torch.float32, torch.Size([2, 3]), torch.device("cpu")],
    )
    found = open_checkpoint(save(whole, tmp_path / "x.pth", form))

    assert found["state_dict"]._metadata == state._metadata
    assert list(found["state_dict"]) == list(state)
    for key, value in state.items():
        other = found["state_dict"][key]
        assert type(other) is type(value) and other.dtype == value.dtype
        assert torch.equal(other, value), key
    hub = found["message_hub"]
    loss = hub["log_scalars"]["loss"]
    assert loss.mean() == history.mean() and loss.statistics("min") == 0.25
    assert hub["runtime_info"] == whole["message_hub"]["runtime_info"]
    assert type(hub["runtime_info"]["y"]) is np.float32
    for one, other in zip(found["arrays"], whole["arrays"]):
        assert one.dtype == other.dtype and one.shape == other.shape
        assert (one == other).all()
    again = np.random.RandomState(0)
    again.set_state(found["random_state"]["numpy"])
    assert (again.rand(5) == generator.rand(5)).all()
    assert torch.equal(found["random_state"]["torch"], whole["random_state"]["torch"])
    for key in ("meta", "param_schedulers", "others", "kinds", "optimizer"):
        assert found[key] == whole[key], key


@pytest.mark.parametrize("core", ["core", "_core"])
def test_files_of_either_numpy(tmp_path, core):
    """NumPy 1 and 2 name their module differently."""
    written, path = tmp_path / "written.pth", tmp_path / "x.pth"
    save(dict(a=np.arange(3.0), b=np.float64(0.5)), written)
    with zipfile.ZipFile(written) as source, zipfile.ZipFile(path, "w") as target:
        for item in source.infolist():
            data = source.read(item)
            if item.filename.endswith("data.pkl"):
                assert b"multiarray" in data
                data = data.replace(b"numpy._core.", b"numpy.core.")
                data = data.replace(b"numpy.core.", f"numpy.{core}.".encode())
            target.writestr(item, data)
    found = open_checkpoint(str(path))
    assert found["a"].tolist() == [0, 1, 2] and found["b"] == 0.5


def test_safetensors(tmp_path):
    save_file(dict(a=torch.ones(2)), tmp_path / "x.safetensors")
    assert open_checkpoint(str(tmp_path / "x.safetensors"))["a"].tolist() == [1, 1]


def test_map_location(tmp_path):
    path = save(dict(a=torch.ones(2)), tmp_path / "x.pth")
    for location in ("meta", torch.device("meta"), dict(cpu="meta")):
        assert open_checkpoint(path, map_location=location)["a"].is_meta
    assert open_checkpoint(path, map_location=None)["a"].tolist() == [1, 1]


# What would run code


@FORMS
@pytest.mark.parametrize("function", [os.mkdir, os.system, eval, subprocess.call])
def test_calls_are_refused(tmp_path, form, function):
    mark = tmp_path / "mark"
    argument = {
        os.mkdir: str(mark),
        eval: f"__import__('os').mkdir({str(mark)!r})",
    }.get(function, f"mkdir {mark}")
    if function is subprocess.call:
        argument = ["mkdir", str(mark)]
    content = dict(state_dict=dict(a=torch.ones(1)), more=Calls(function, argument))
    path = save(content, tmp_path / "x.pth", form)
    message = refusal(path)
    assert "holds more than weights, and was not opened (" in message
    # Protocol 2 has Python 2's names of modules, and builtins may have none.
    assert re.search(rf"GLOBAL (\w+\.)?{function.__name__}\b", message)
    assert not mark.exists()
    # The file does what the test fears, where it is let.
    open_checkpoint(path, trusted=True)
    assert mark.exists()


@pytest.mark.parametrize(
    "owner, name",
    [(HistoryBuffer, "__init__"), (HistoryBuffer([1], [1]), "data"), (slice, "mean")],
)
def test_attributes_are_not_looked_up(tmp_path, owner, name):
    """Histories need it for their own statistics, and nothing else does."""
    path = save(dict(x=Calls(getattr, owner, name)), tmp_path / "x.pth")
    assert f"attribute '{name}'" in refusal(path)


def test_a_plain_pickle(tmp_path):
    mark, path = tmp_path / "mark", tmp_path / "x.pth"
    path.write_bytes(pickle.dumps(Calls(os.mkdir, str(mark)), protocol=2))
    refusal(str(path))
    assert not mark.exists()


@pytest.mark.filterwarnings("ignore:.torch.load. received a zip file")
def test_programs_are_refused(tmp_path):
    """PyTorch's reader gave them to their interpreter, before 2.6."""
    path = str(tmp_path / "x.pth")
    torch.jit.script(torch.nn.Linear(2, 2)).save(path)
    assert "TorchScript" in refusal(path)


def test_archives_of_the_first_versions_are_refused(tmp_path):
    """Their members can lead out of the folder they are unpacked in."""
    path, outside = tmp_path / "x.pth", tmp_path / "outside"
    with tarfile.open(path, "w:") as archive:
        for name in ("storages", "tensors", "pickle"):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, str(outside)
            archive.addfile(member)
    refusal(str(path))
    assert os.listdir(tmp_path) == ["x.pth"]


def test_a_stream_that_is_such_an_archive_as_well(tmp_path):
    """The name of its first member is the number by which streams are known."""
    path = tmp_path / "x.pth"
    magic = pickle.dumps(torch.serialization.MAGIC_NUMBER, protocol=2)
    options = dict(format=tarfile.GNU_FORMAT, encoding="latin1")
    with tarfile.open(path, "w:", **options) as archive:
        archive.addfile(tarfile.TarInfo(magic.decode("latin1")))
    assert path.read_bytes().startswith(magic) and tarfile.is_tarfile(path)
    refusal(str(path))


def unpickled(content):
    values = Values(lambda key, dtype, count, location: None, Budget(1 << 20))
    return Unpickler(io.BytesIO(content), values).load()


def opcodes(*parts):
    """Join instructions, numbers by which they are called included."""
    return b"\x80\x02" + b"".join(parts) + b"."


def named(module, name):
    return pickle.GLOBAL + f"{module}\n{name}\n".encode()


def text(string):
    return pickle.BINUNICODE + len(string).to_bytes(4, "little") + string.encode()


ORDERED = named("collections", "OrderedDict")
HISTORY = named("mmengine.logging.history_buffer", "HistoryBuffer")
EMPTY, CALL = pickle.EMPTY_TUPLE, pickle.REDUCE
ITEM = pickle.EMPTY_DICT + text("mean") + named("builtins", "slice") + pickle.SETITEM


@pytest.mark.parametrize(
    "parts, words",
    [
        ([named("os", "mkdir")], "GLOBAL os.mkdir"),
        ([named("__builtin__", "eval")], "GLOBAL builtins.eval"),
        ([text("os"), text("mkdir"), pickle.STACK_GLOBAL], "operand 147"),
        ([pickle.MARK, ORDERED, pickle.OBJ], "operand 111"),
        ([pickle.MARK, pickle.INST + b"os\nmkdir\n"], "operand 105"),
        ([pickle.EXT1 + b"\x01"], "operand 130"),
        # What a permitted call returns is not permitted itself.
        (
            [
                *(named("builtins", "getattr"), HISTORY, text("min")),
                *(pickle.TUPLE2, CALL, EMPTY, CALL),
            ],
            "asks for a call",
        ),
        ([named("numpy", "ndarray"), EMPTY, CALL], "asks for a call"),
        ([ORDERED, EMPTY, pickle.NEWOBJ], "asks for an object"),
        # A class, or a function, is not to be changed.
        ([HISTORY, pickle.NONE, ITEM, pickle.TUPLE2, pickle.BUILD], "sets the state"),
        ([HISTORY, ITEM, pickle.BUILD], "sets the state"),
        ([named("torch", "Size"), ITEM, pickle.BUILD], "sets the state"),
        (
            [named("torch._utils", "_rebuild_tensor_v2"), ITEM, pickle.BUILD],
            "sets the state",
        ),
        ([HISTORY, text("mean"), pickle.NONE, pickle.SETITEM], "sets items"),
        ([HISTORY, pickle.NONE, pickle.APPEND], "appends to"),
        ([text("module"), pickle.TUPLE1, pickle.BINPERSID], "storages"),
        ([text("storage"), pickle.BINPERSID], "storages"),
        (
            [
                *(named("_codecs", "encode"), text("a"), text("idna")),
                *(pickle.TUPLE2, CALL),
            ],
            "encoding 'idna'",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_instructions_that_data_needs_none_of(parts, words):
    """By hand, as no pickler writes them."""
    with pytest.raises(pickle.UnpicklingError, match=words):
        unpickled(opcodes(*parts))


def test_a_dtype_stays_a_numbers():
    """With a field of objects, bytes of the file would be taken for pointers."""
    kind, arguments, state = np.dtype("f8").__reduce__()

    class Fields:
        def __reduce__(self):
            fields = dict(a=(np.dtype("i8"), 0))
            return kind, arguments, (3, "<", None, ("a",), fields, 8, 8, 63)

    plain = unpickled(pickle.dumps(np.dtype("f8"), 2))
    assert plain == np.dtype("f8")
    with pytest.raises(pickle.UnpicklingError, match="sets the state"):
        unpickled(pickle.dumps(Fields(), 2))


# Damage


@pytest.mark.parametrize("name", ["x.pth", "x.safetensors"])
@pytest.mark.parametrize("kind", ["empty", "text", "cut", "stream cut", "noise"])
def test_corrupt_files(tmp_path, name, kind):
    path = tmp_path / name
    weights = dict(a=torch.rand(20, 30))
    if name.endswith("pth"):
        save(weights, path, "stream" if kind == "stream cut" else "zip")
    else:
        save_file(weights, path)
    data = path.read_bytes()
    path.write_bytes(
        {
            "empty": b"",
            "text": b"<html>404</html>",
            "cut": data[: len(data) // 2],
            "stream cut": data[: len(data) * 2 // 3],
            "noise": bytes(np.random.RandomState(0).bytes(500)),
        }[kind]
    )
    # What was wrong, and none of the advice that PyTorch gives with it.
    assert len(refusal(str(path)).replace(str(path), "")) < 160


@FORMS
@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.filterwarnings("ignore:.*TypedStorage is deprecated")
def test_files_damaged_anywhere_are_named(tmp_path, form):
    path = tmp_path / "x.pth"
    save(dict(a=torch.ones(2), b=[np.float64(1), b"1"]), path, form)
    data = path.read_bytes()
    random = np.random.RandomState(0)
    refused = 0
    for _ in range(150):
        damaged = bytearray(data)
        for _ in range(10):
            damaged[random.randint(300)] = random.randint(256)
        path.write_bytes(damaged)
        try:
            open_checkpoint(str(path))
        except Exception as error:
            refused += 1
            assert type(error) is ValueError and "x.pth" in str(error), repr(error)
    assert refused > 100


def test_missing_files(tmp_path, monkeypatch):
    words = "head_checkpoint: there is no file 'no/such.pth'"
    with pytest.raises(FileNotFoundError, match=words):
        open_checkpoint("no/such.pth", "head_checkpoint")
    monkeypatch.setenv("HOME", str(tmp_path))
    save(dict(a=1), tmp_path / "x.pth")
    assert open_checkpoint("~/x.pth") == dict(a=1)


# Where files come from, and whom to trust


def test_what_a_url_names_is_fetched_once(tmp_path, monkeypatch):
    fetched = []

    def download(url, path):
        fetched.append(url)
        save(dict(a=1), path)

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    monkeypatch.setattr(torch.hub, "download_url_to_file", download)
    url = "https://example.org/some/net-01234567.pth?x=1"
    assert open_checkpoint(url) == open_checkpoint(url) == dict(a=1)
    assert fetched == [url]
    (local,) = (tmp_path / "hub" / "checkpoints").glob("*/net-01234567.pth")
    local.write_bytes(b"cut")
    with pytest.raises(ValueError, match="net-01234567.pth") as error:
        open_checkpoint(url)
    assert url in str(error.value) and str(local) in str(error.value)


def test_two_files_of_one_name(tmp_path, monkeypatch):
    """By what they were downloaded from, the query included."""
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    monkeypatch.setattr(
        torch.hub, "download_url_to_file", lambda url, path: save(dict(a=url), path)
    )
    urls = ["https://a.org/x/net.pth", "https://a.org/y/net.pth"]
    urls += ["http://a.org/x/net.pth", "https://a.org/x/net.pth?version=2"]
    for url in [*urls, *urls]:
        assert open_checkpoint(url) == dict(a=url)
    with pytest.raises(ValueError, match="'https://a.org/' names no file"):
        open_checkpoint("https://a.org/")


def test_trust_is_in_files(tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(
        safe_reader, "print_log", lambda text, **kwargs: said.append(text)
    )
    content = dict(a=torch.ones(1), b=Calls(os.getcwd))
    ours = save(content, tmp_path / "ours.pth")
    plain = save(dict(a=1), tmp_path / "plain.pth")
    assert open_checkpoint(ours, trusted=True)["b"] == os.getcwd()
    assert len(said) == 1 and "ours.pth" in said[0] and "unpickled" in said[0]
    assert open_checkpoint(plain, trusted=True) == dict(a=1) and len(said) == 1
    refusal(ours)
