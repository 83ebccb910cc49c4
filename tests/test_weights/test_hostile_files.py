"""Files made to run code, to fill memory, to read other files: each refused by name."""

import json
import os
import pickle
import struct
import threading
import zipfile
import zlib
from collections import OrderedDict

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from mmdenoise.apis import load_denoiser
from mmdenoise.registry import MODELS
from mmdenoise.weights.export import export_denoiser
from mmdenoise.weights.reader import open_checkpoint
from mmdenoise.weights.strict_loading import load_strictly

SMALL = dict(type="mmdenoise.DnCNN", depth=3, channels=4)


def refusal(path):
    with pytest.raises(ValueError) as error:
        open_checkpoint(str(path))
    message = str(error.value)
    assert "\n" not in message and len(message.replace(str(path), "")) < 400
    return message


# Pickles, instruction by instruction


def text(value):
    return pickle.BINUNICODE + struct.pack("<I", len(value)) + value.encode()


def number(value):
    return pickle.BININT + struct.pack("<i", value)


def name(module, attribute):
    return pickle.GLOBAL + f"{module}\n{attribute}\n".encode()


def call(function, *arguments):
    return function + b"(" + b"".join(arguments) + pickle.TUPLE + pickle.REDUCE


def raw(size):
    return call(name("_codecs", "encode"), text("a" * size), text("latin1"))


F8 = call(name("numpy", "dtype"), text("f8"), number(0), number(1))
PLAIN = b"(" + number(3) + text("<") + b"NNN" + number(-1) * 2 + number(0) + b"t"
FLOAT64 = F8 + PLAIN + pickle.BUILD
ARRAY = call(
    name("numpy.core.multiarray", "_reconstruct"),
    name("numpy", "ndarray"),
    b"(" + number(0) + b"t",
    text("b"),
)
STORAGE = (
    b"("
    + text("storage")
    + name("torch", "FloatStorage")
    + text("0")
    + text("cpu")
    + number(4)
    + b"t"
    + pickle.BINPERSID
)


def tensor(offset, size, stride, storage=STORAGE):
    sizes, strides = (b"(" + b"".join(map(number, x)) + b"t" for x in (size, stride))
    return call(
        name("torch._utils", "_rebuild_tensor_v2"),
        *(storage, number(offset), sizes, strides, pickle.NEWFALSE),
        call(name("collections", "OrderedDict")),
    )


def state_of_array(shape, dtype, data, fortran=pickle.NEWFALSE):
    sizes = b"(" + b"".join(map(number, shape)) + b"t"
    return b"(" + number(1) + sizes + dtype + fortran + data + b"t" + pickle.BUILD


def archive(path, program, storage=bytes(16), prefix="x", compress=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compress) as file:
        file.writestr(f"{prefix}/data.pkl", b"\x80\x02" + program + b".")
        file.writestr(f"{prefix}/byteorder", "little")
        file.writestr(f"{prefix}/data/0", storage)
    return path


def test_the_parts_are_right(tmp_path):
    """Else the refusals below would show nothing."""
    found = open_checkpoint(
        str(
            archive(tmp_path / "x.pth", tensor(1, [3], [1]), np.arange(4.0, dtype="f4"))
        )
    )
    assert found.tolist() == [1, 2, 3]
    program = ARRAY + state_of_array([2, 3], FLOAT64, raw(48))
    found = open_checkpoint(str(archive(tmp_path / "y.pth", program)))
    assert found.shape == (2, 3) and found.dtype == np.float64


HUGE = 2**31 - 1
BOMB = pickle.EMPTY_LIST + pickle.BINPUT + b"\x00"
for level in range(1, 12):
    again = pickle.BINGET + bytes([level - 1])
    BOMB += (
        pickle.EMPTY_LIST + b"(" + again * 20 + b"e" + pickle.BINPUT + bytes([level])
    )
STRUCT = pickle.EMPTY_DICT + text("a") + b"(" + FLOAT64 + number(0) + b"t" + b"s"


@pytest.mark.parametrize(
    "program, words",
    [
        # Names
        (name("os", "mkdir"), "GLOBAL os.mkdir"),
        (name("torch", "serialization.load"), "GLOBAL torch.serialization.load"),
        (name("numpy", "ndarray.tofile"), "GLOBAL numpy.ndarray.tofile"),
        (name("torch.hub", "load"), "GLOBAL torch.hub.load"),
        (name("x" * 100000, "y"), "GLOBAL xxx"),
        (text("os") + text("mkdir") + pickle.STACK_GLOBAL, "operand 147"),
        (b"(" + pickle.INST + b"os\nmkdir\n", "operand 105"),
        (b"(" + name("builtins", "slice") + pickle.OBJ, "operand 111"),
        (pickle.EXT4 + b"\x01\x00\x00\x00", "operand 132"),
        (pickle.PERSID + b"storage\n", "operand 80"),
        # NumPy's types and arrays
        (call(name("numpy", "dtype"), text("O")), "which is no number's"),
        (call(name("numpy", "dtype"), text("V8")), "which is no number's"),
        (call(name("numpy", "dtype"), b"]"), "which is no number's"),
        (
            F8 + b"(" + number(3) + text("<") + b"N" + STRUCT * 2 + b"t" + pickle.BUILD,
            "",
        ),
        (F8 + b"(" + number(3) + text("?") + b"NNNt" + pickle.BUILD, "byte order"),
        (FLOAT64 + PLAIN + pickle.BUILD, "sets the state of"),
        (F8, "no data"),
        (ARRAY, "no data"),
        (ARRAY + state_of_array([3], FLOAT64, raw(16)), "another size than it says"),
        (ARRAY + state_of_array([HUGE] * 3, FLOAT64, raw(16)), "another size"),
        (ARRAY + state_of_array([-1], FLOAT64, raw(16)), "size that is none"),
        (ARRAY + state_of_array([2], FLOAT64, pickle.EMPTY_LIST), "more than numbers"),
        (ARRAY + state_of_array([1] * 40, FLOAT64, raw(8)), "sizes that are none"),
        (
            call(name("numpy.core.multiarray", "scalar"), FLOAT64, raw(7)),
            "another size than it says",
        ),
        # Tensors
        (tensor(0, [5], [1]), "beyond the end of its storage"),
        (tensor(4, [1], [1]), "beyond the end of its storage"),
        (tensor(0, [2, 2], [3, 2]), "beyond the end of its storage"),
        (tensor(-1, [1], [1]), "size that is none"),
        (tensor(0, [2], [-1]), "size that is none"),
        (tensor(0, [HUGE, HUGE], [0, 0]), "its size does not account for"),
        (tensor(0, [1], [1], b"]"), "tensor of no storage"),
        (STORAGE, "no data"),
        (STORAGE.replace(number(4), number(400)), "another size than it says"),
        (STORAGE.replace(text("0"), text("../1")), "lacks numbers"),
        (name("torch._utils", "_rebuild_qtensor"), "quantised"),
        (name("torch._utils", "_rebuild_sparse_tensor"), "sparse"),
        (name("torch._utils", "_rebuild_meta_tensor_no_storage"), "meta"),
        # What fills memory, or does not end
        (call(name("builtins", "bytes"), number(HUGE)), "bytes of no text"),
        (call(name("builtins", "bytearray"), number(HUGE)), "bytes of no text"),
        (call(name("torch", "Size"), number(HUGE)), "sizes that are none"),
        (pickle.LONG4 + struct.pack("<i", HUGE), "operand 139"),
        (pickle.BINBYTES8 + struct.pack("<Q", 2**62), "operand 142"),
        (pickle.BYTEARRAY8 + struct.pack("<Q", 2**62), "operand 150"),
        (pickle.BINUNICODE + struct.pack("<I", 2**32 - 1), "cannot read"),
        (b"}" * 2_100_000, "more than 2,000,000 instructions"),
        (b"N\x85" + b"\x85" * 100_000, "more than 64 deep"),
        (b"]" * 1000 + b"a" * 999, "more than 64 deep"),
        (b"(" + b"]" * 300_000 + b"t", "more than 200,000 lists"),
        (BOMB, "more than 20,000,000 items"),
        (BOMB[:2] + b"]" + pickle.BINPUT + b"\x01h\x01a", "within itself"),
        (b"}" + b"N\x85" + b"\x85" * 100_000 + b"Ns", "no number and no text"),
        (b"}" + pickle.LONG1 + b"\x10" + b"\x7f" * 16 + b"Ns", "too large a number"),
        (pickle.BINGET + b"\x07", "what it has not made"),
        # State
        (
            call(name("collections", "OrderedDict"))
            + (b"}" + text("items") + b"Ns" + pickle.BUILD),
            "sets the state",
        ),
        (
            name("mmengine.logging.history_buffer", "HistoryBuffer")
            + (b")" + pickle.NEWOBJ + b"}" + text("mean") + b"Ns" + pickle.BUILD),
            "a size that is none",
        ),
    ],
)
def test_pickles(tmp_path, program, words):
    assert words in refusal(archive(tmp_path / "x.pth", program))


def test_what_a_file_makes_is_counted(tmp_path):
    """One long text, made bytes again and again."""
    start = text("a" * (1 << 20)) + pickle.BINPUT + b"\x00"
    start += name("_codecs", "encode") + pickle.BINPUT + b"\x01"
    start += text("latin1") + pickle.BINPUT + b"\x02"
    again = b"h\x01h\x00h\x02\x86R"
    path = archive(tmp_path / "x.pth", b"(" + start + again * 5000 + b"t")
    assert "its size does not account for" in refusal(path)


def test_a_history_named_again_and_again(tmp_path):
    """Each is a copy of its numbers."""
    size = 1 << 17
    numbers = ARRAY + state_of_array([size], FLOAT64, raw(8 * size))
    state = b"}(" + b"".join(
        (
            *(text("_log_history"), numbers, pickle.BINPUT, b"\x00"),
            *(text("_count_history"), pickle.BINGET, b"\x00"),
            *(text("max_length"), number(size), b"u", pickle.BINPUT, b"\x01"),
        )
    )
    kind = name("mmengine.logging.history_buffer", "HistoryBuffer")
    again = kind + b")" + pickle.NEWOBJ + pickle.BINGET + b"\x01" + pickle.BUILD
    path = archive(tmp_path / "x.pth", b"(" + state + again * 500 + b"t")
    assert "its size does not account for" in refusal(path)


def test_a_tensor_named_again_and_again(tmp_path):
    program = b"(" + tensor(0, [1], [1])[:-1] + pickle.BINPUT + b"\x00"
    rebuild = name("torch._utils", "_rebuild_tensor_v2") + pickle.BINPUT + b"\x01"
    again = pickle.BINGET + b"\x01" + pickle.BINGET + b"\x00" + pickle.REDUCE
    path = archive(tmp_path / "x.pth", program + rebuild + again * 300_000 + b"t")
    assert "its size does not account for" in refusal(path)


def test_keys_of_one_hash(tmp_path):
    """Pairs of numbers that a dict has to compare each with each: (a, b), by XXH64."""
    mask, first, second = (1 << 64) - 1, 11400714785074694791, 14029467366897019727
    start, inverse, keys = 2870177450012600261, pow(second, -1, 1 << 64), []
    for a in range(160_000):
        mixed = (start + a * second) & mask
        mixed = (mixed << 31 | mixed >> 33) * first
        b = (12345678901234567 - mixed) * inverse & mask
        b -= (b >> 63) << 64
        if abs(b) < 1 << 60:
            keys.append((a, b))
    assert len({hash(key) for key in keys}) == 1 and len(keys) > 15_000
    parts = (
        b"".join(
            pickle.LONG1 + b"\x08" + n.to_bytes(8, "little", signed=True) for n in k
        )
        for k in keys
    )
    program = b"}(" + b"".join(part + pickle.TUPLE2 + b"N" for part in parts) + b"u"
    path = archive(tmp_path / "x.pth", program)
    assert "its size does not account for" in refusal(path)


# Archives


def test_archives_whose_entries_lie_over_one_another(tmp_path):
    path = archive(tmp_path / "x.pth", tensor(0, [4], [1]))
    content = bytearray(path.read_bytes())
    # Every entry of the directory points to the first one.
    place = content.find(b"PK\x01\x02")
    while place >= 0:
        content[place + 42 : place + 46] = bytes(4)
        place = content.find(b"PK\x01\x02", place + 1)
    path.write_bytes(content)
    assert "over one another" in refusal(path)


def test_archives_that_unpack_to_more(tmp_path):
    path = tmp_path / "x.pth"
    archive(path, tensor(0, [4], [1]), bytes(1 << 24), compress=zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 1 << 16
    assert "compressed archive" in refusal(path)


@pytest.mark.parametrize("field, width", [(20, 4), (24, 4), (42, 4)])
def test_archives_whose_sizes_are_wrong(tmp_path, field, width):
    path = archive(tmp_path / "x.pth", tensor(0, [4], [1]))
    content = bytearray(path.read_bytes())
    place = content.rfind(b"PK\x01\x02") + field
    content[place : place + width] = b"\xfe" * width
    path.write_bytes(content)
    refusal(path)


def test_archives_of_a_long_directory(tmp_path):
    path = archive(tmp_path / "x.pth", tensor(0, [4], [1]))
    content = bytearray(path.read_bytes())
    end = content.rfind(b"PK\x05\x06")
    content[end + 12 : end + 16] = struct.pack("<I", 1 << 30)
    path.write_bytes(content)
    refusal(path)


def test_archives_of_other_things(tmp_path):
    path = tmp_path / "x.pth"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("x/readme.txt", "x")
    assert "none of torch.save" in refusal(path)


def test_a_flipped_bit_of_a_weight_is_seen(tmp_path):
    path = tmp_path / "x.pth"
    torch.save(dict(a=torch.rand(1000)), path)
    content = bytearray(path.read_bytes())
    content[content.find(b"/data/0") + 1000] ^= 4
    path.write_bytes(content)
    assert "CRC" in refusal(path)


# Safetensors

EMPTY = dict(dtype="F32", shape=[0], data_offsets=[0, 0])


@pytest.mark.parametrize(
    "header",
    [
        b"[" * 100_000,
        b'{"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}}',
        b'{"a": {"dtype": "F32", "shape": [1e99], "data_offsets": [0, 4]}}',
        b'{"a": {"dtype": "F32", "shape": [4611686018427387904, 4], '
        b'"data_offsets": [0, 16]}}',
        b'{"a": {"dtype": "F32", "shape": [' + b"1," * 999 + b'1], "data_offsets": '
        b"[0, 4]}}",
        b'{"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 400]}}',
        b'{"__metadata__": 3, "a": {}}',
        json.dumps({str(i): EMPTY for i in range(30_000)}).encode(),
        b"null",
    ],
)
def test_headers(tmp_path, header):
    path = tmp_path / "x.safetensors"
    path.write_bytes(struct.pack("<Q", len(header)) + header + bytes(16))
    assert "cannot read" in refusal(path)


@pytest.mark.parametrize("size", [0, 1 << 20, 1 << 40, (1 << 64) - 1])
def test_headers_longer_than_the_file(tmp_path, size):
    path = tmp_path / "x.safetensors"
    path.write_bytes(struct.pack("<Q", size) + b"{}")
    assert "header" in refusal(path)


# MATLAB's files


@pytest.fixture
def network(tmp_path):
    """A file of version 7.3, and the group of its one layer."""
    h5py = pytest.importorskip("h5py")

    def write(change):
        path = str(tmp_path / "x.mat")
        with h5py.File(path, "w") as file:
            layer = file.create_group("layer")
            layer["type"] = np.array([ord(letter) for letter in "conv"], np.uint16)
            file["kernel"] = np.ones((2, 3, 3, 3), np.float32)
            file["bias"] = np.ones(2, np.float32)
            file["net/layers"] = np.array([[layer.ref]], h5py.ref_dtype)
            change(file, layer, h5py)
            if "weights" not in layer:
                refs = [file["kernel"].ref, file["bias"].ref]
                layer["weights"] = np.array(refs, h5py.ref_dtype)
        return path

    return write


def replace(make):
    def change(file, layer, h5py):
        del file["kernel"]
        make(file, h5py)

    return change


def external_storage(file, h5py):
    places = [(os.path.join(os.path.dirname(file.filename), "secret"), 0, 216)]
    file.create_dataset("kernel", (2, 3, 3, 3), np.float32, external=places)


def virtual(file, h5py):
    layout = h5py.VirtualLayout((2, 3, 3, 3), np.float32)
    secret = os.path.join(os.path.dirname(file.filename), "secret.h5")
    layout[:] = h5py.VirtualSource(secret, "x", (2, 3, 3, 3))
    file.create_virtual_dataset("kernel", layout)


def sparse_giant(file, h5py):
    file.create_dataset("kernel", (1 << 30, 3, 3, 3), np.float32, chunks=True)


def giant_chunk(file, h5py):
    shape = (1 << 20, 3, 3, 3)
    file.create_dataset(
        "kernel", (2, 3, 3, 3), np.float32, chunks=shape, maxshape=shape
    )


def deflated(file, h5py):
    zeros = np.zeros((1 << 20, 3, 3, 3), np.float32)
    file.create_dataset("kernel", data=zeros, compression="gzip")


def texts(file, h5py):
    file.create_dataset("kernel", data=["a", "b"], dtype=h5py.string_dtype())


def external_link(file, layer, h5py):
    layer["pad"] = h5py.ExternalLink("secret.h5", "x")


def soft_link(file, layer, h5py):
    layer["weights"] = h5py.SoftLink("/kernel")


@pytest.mark.parametrize(
    "change, words",
    [
        (replace(external_storage), "numbers lie in other files"),
        (replace(virtual), "numbers lie in other files"),
        (replace(sparse_giant), "more than its size accounts for"),
        (replace(giant_chunk), "more than its size accounts for"),
        (replace(deflated), "more than its size accounts for"),
        (replace(texts), "no simple type"),
        (external_link, "'pad' is a link"),
        (soft_link, "'weights' is a link"),
    ],
)
def test_version_7_3(tmp_path, network, change, words):
    (tmp_path / "secret").write_bytes(b"s" * 300)
    assert words in refusal(network(change))


def test_version_7_3_as_it_should_be(network):
    path = network(lambda file, layer, h5py: None)
    assert open_checkpoint(path)["model.0.weight"].shape == (2, 3, 3, 3)


def element(kind, content):
    return struct.pack("<II", kind, len(content)) + content


def version_5(tmp_path, content):
    path = tmp_path / "x.mat"
    header = b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM"
    path.write_bytes(header + content)
    return path


def test_version_5_that_unpacks_to_more(tmp_path):
    bomb = zlib.compress(element(14, bytes(1 << 28)))
    assert len(bomb) < 1 << 20
    path = version_5(tmp_path, element(15, bomb))
    assert "more than its size accounts for" in refusal(path)


def test_version_5_of_cells_in_cells(tmp_path):
    """They take down the library that reads them, and nothing else."""
    cell = b""
    for _ in range(20_000):
        flags, sizes = element(6, struct.pack("<II", 1, 0)), element(5, b"\1\0\0\0" * 2)
        cell = (
            flags
            + sizes
            + struct.pack("<II", 1, 0)
            + (element(14, cell) if cell else b"")
        )
        if len(cell) > 1 << 20:
            break
    refusal(version_5(tmp_path, element(15, zlib.compress(element(14, cell)))))


@pytest.mark.parametrize("dtype", [np.int8, np.complex64, np.float16])
def test_weights_that_are_neither_single_nor_double(network, dtype):
    def change(file, layer, h5py):
        del file["bias"]
        file["bias"] = np.ones(2, dtype)

    if dtype == np.float16:
        assert open_checkpoint(network(change))["model.0.bias"].dtype == torch.float32
    else:
        assert "type" in refusal(network(change))


# Names in files


CALLS = [
    dict(type="os.system", command="touch CALLED"),
    dict(type="torch.nn.Linear", in_features=3, out_features=3),
    dict(type="mmdenoise.Cascade", denoiser=SMALL),
    dict(type="this.module", x=1),
    dict(SMALL, norm_cfg=dict(type="os.system")),
    dict(SMALL, depth=10**6),
    dict(type="mmdenoise.MultiScaleDenoiser", scales=100),
]


@pytest.mark.parametrize("config", CALLS)
def test_a_records_names_are_of_the_table(tmp_path, monkeypatch, config):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "this.py").write_text("open('CALLED', 'w')")
    monkeypatch.syspath_prepend(str(tmp_path))
    state = MODELS.build(SMALL).state_dict()
    text = f"model = dict(type='mmdenoise.Cascade', denoiser={config!r})\n"
    torch.save(dict(state_dict=state, meta=dict(cfg=text, iter=1)), "x.pth")
    for use in (
        lambda: load_denoiser("x.pth"),
        lambda: export_denoiser("x.pth", "out.pth"),
    ):
        with pytest.raises(ValueError, match="'x.pth'.*a file may"):
            use()
    assert sorted(os.listdir()) == ["this.py", "x.pth"]


# Other numbers


@pytest.mark.parametrize(
    "weight, words",
    [
        (torch.ones(2, 3, dtype=torch.int8), "weight int8 instead of float32"),
        (
            torch.ones(2, 3, dtype=torch.complex64),
            "weight complex64 instead of float32",
        ),
        (torch.ones(2, 3, dtype=torch.bool), "weight bool instead of float32"),
        (torch.ones(2, 3).to_sparse(), "sparse"),
        (torch.ones(2, 3, device="meta"), "without numbers"),
        (
            torch.quantize_per_tensor(torch.ones(2, 3), 0.1, 0, torch.qint8),
            "weight qint8 instead",
        ),
    ],
)
@pytest.mark.filterwarnings("ignore:.*quantize_per_tensor")
def test_other_numbers_are_not_cast(weight, words):
    module = torch.nn.Linear(3, 2)
    before = module.weight.clone()
    with pytest.raises(RuntimeError, match=words) as error:
        load_strictly(module, dict(weight=weight, bias=torch.ones(2)), "it")
    assert "\n" not in str(error.value)
    assert torch.equal(module.weight, before)
    half = dict(weight=torch.ones(2, 3).half(), bias=torch.ones(2).bfloat16())
    load_strictly(module, half, "it")


# At once


def test_sixty_files_in_eight_threads(tmp_path):
    paths = []
    for index in range(60):
        kind = ("zip", "stream", "safetensors")[index % 3]
        path = str(tmp_path / f"{index}.{'safetensors' if index % 3 == 2 else 'pth'}")
        state = OrderedDict(a=torch.full((50, 40), float(index)))
        if kind == "safetensors":
            save_file(state, path)
        else:
            torch.save(state, path, _use_new_zipfile_serialization=kind == "zip")
        paths.append(path)
    # One that is refused between those that are not.
    hostile = str(tmp_path / "hostile.pth")
    archive(hostile, name("os", "mkdir"))
    wrong = []

    def read(start):
        for index in range(start, 60, 2):
            found = open_checkpoint(paths[index])["a"]
            if not torch.equal(found, torch.full((50, 40), float(index))):
                wrong.append(index)
            try:
                open_checkpoint(hostile)
                wrong.append(hostile)
            except ValueError:
                pass

    threads = [threading.Thread(target=read, args=(n % 2,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_long_line_is_cut(tmp_path):
    path = tmp_path / "x.pth"
    state = {"\x1b[2J" + "k" * 10_000_000: torch.ones(1)}
    torch.save(state, path)
    with pytest.raises(RuntimeError) as error:
        load_strictly(torch.nn.Linear(3, 2), open_checkpoint(str(path)), "it")
    assert len(str(error.value)) < 400 and str(error.value).isprintable()
