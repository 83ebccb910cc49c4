"""Open damaged and hostile files of one kind, and count what happens.

python tests/test_weights/fuzzing.py KIND COUNT

KIND is one of those in ``KINDS``. Prints one line of JSON: ``tried``, ``opened``,
``refused`` (one line, by name), ``crashed`` (any other end, with the seed and the
error), ``executed`` (events of Python's that no reading needs), ``slowest`` in seconds
and ``memory`` in MiB beyond what the program had at the start.
"""

import contextlib
import io
import json
import os
import pickle
import random
import resource
import runpy
import struct
import sys
import tempfile
import time
import warnings
import zipfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
EDGES = (0, 1, 255, 256, 1 << 16, (1 << 31) - 1, 1 << 31, (1 << 32) - 1, 1 << 40)
# What runs, writes, or reaches another machine; beside them imports and files written.
FOREIGN = ("os.", "subprocess.", "shutil.", "socket.", "ctypes.", "exec", "pty.")
HARMLESS = ("os.listdir", "os.scandir", "os.truncate", "os.fork", "os.putenv")


class Watch:
    """Count events that no reading needs, once it is switched on."""

    def __init__(self, folder):
        self.folder, self.on, self.seen = folder, False, []
        sys.addaudithook(self.hear)

    def hear(self, event, arguments):
        if not self.on:
            return
        if event == "import" and arguments[0] not in sys.modules:
            self.seen.append(f"import {arguments[0]}")
        elif event == "open" and isinstance(arguments[1], str):
            if set(arguments[1]) & set("wax+"):
                self.seen.append(f"open {arguments[0]}")
        elif event.startswith(FOREIGN) and event not in HARMLESS:
            self.seen.append(event)


def damaged(content, draw):
    """One to eight changes, of bytes, numbers, lengths and order."""
    content = bytearray(content)
    for _ in range(draw.randint(1, 8)):
        size = len(content)
        place = draw.randrange(size) if size else 0
        # Headers hold what is believed, numbers do not.
        if draw.random() < 0.5:
            place = min(place, draw.randrange(600))
        how = draw.randrange(6)
        if how == 0 and size:
            content[place % size] = draw.randrange(256)
        elif how == 1 and size:
            content[place % size] ^= 1 << draw.randrange(8)
        elif how == 2:
            width = draw.choice("<I >I <Q >Q".split())
            value = draw.choice(EDGES) % (1 << 32 if width[1] == "I" else 1 << 62)
            number = struct.pack(width, value)
            content[place : place + len(number)] = number
        elif how == 3:
            other = draw.randrange(size) if size else 0
            piece = content[other : other + draw.randrange(1, 64)]
            content[place:place] = piece * draw.choice((1, 1, 1, 50))
        elif how == 4:
            del content[place : place + draw.randrange(1, 64)]
        elif draw.random() < 0.2:
            del content[place:]
    return bytes(content)


def checkpoint():
    """What training writes, of every kind of value."""
    import torch
    from mmengine.logging import HistoryBuffer

    state = torch.nn.BatchNorm2d(3).state_dict()
    state["conv.weight"] = torch.nn.Parameter(torch.rand(2, 3))
    state["view"] = torch.arange(12.0).view(3, 4).t()[1:]
    history = HistoryBuffer([0.5, 0.25], [1, 2])
    arrays = [np.arange(6, dtype=np.uint32).reshape(2, 3), np.float64(2)]
    return dict(
        state_dict=state,
        meta=dict(iter=7, cfg="model = dict(denoiser=dict(type='DnCNN'))", ok=(1, "a")),
        message_hub=dict(log_scalars=dict(loss=history), arrays=arrays),
        others=[b"\x00\xff", {1, 2}, 1j, slice(1, None), torch.Size([2]), 2**70],
    )


def zip_file(folder, whole=True):
    """A file of torch.save; or its pickle alone, the rest being as it should."""
    import torch

    path = os.path.join(folder, "x.pth")
    torch.save(checkpoint(), path)
    good = Path(path).read_bytes()
    if whole:
        return path, lambda draw: damaged(good, draw)
    with zipfile.ZipFile(io.BytesIO(good)) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}

    def make(draw):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as archive:
            for name, content in entries.items():
                if name.endswith("data.pkl"):
                    content = (
                        program(draw) if draw.random() < 0.5 else damaged(content, draw)
                    )
                archive.writestr(name, content)
        return out.getvalue()

    return path, make


def program(draw):
    """Instructions of a pickle in random order, with names of every kind."""

    def text(value):
        return pickle.BINUNICODE + struct.pack("<I", len(value)) + value.encode()

    def name(value):
        return pickle.GLOBAL + "\n".join(value.rsplit(".", 1)).encode() + b"\n"

    names = (
        *("os.mkdir", "os.system", "builtins.eval", "builtins.exec", "numpy.load"),
        *("builtins.getattr", "builtins.slice", "builtins.bytes", "builtins.set"),
        *("numpy.dtype", "numpy.ndarray", "numpy.core.multiarray._reconstruct"),
        *("numpy.core.multiarray.scalar", "collections.OrderedDict", "torch.Size"),
        *("collections.Counter", "_codecs.encode", "torch.FloatStorage"),
        *("torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_parameter"),
        *("torch._utils._rebuild_qtensor", "torch.load", "torch.device"),
        "mmengine.logging.history_buffer.HistoryBuffer",
    )
    plain = [
        *(bytes([code]) for code in b"()]}tsaeuRb0N2\x81\x85\x86\x87\x88\x89Qoi"),
        *(text(t) for t in ("mark", "storage", "0", "cpu", "f8", "O", "min", "latin1")),
        *(pickle.BININT + struct.pack("<i", n) for n in (0, 1, 3, -1, 2**31 - 1)),
        pickle.LONG1 + b"\x09" + b"\xff" * 8 + b"\x00",
        pickle.LONG4 + struct.pack("<i", 2**31 - 1),
        pickle.BINBYTES8 + struct.pack("<Q", 2**62),
        pickle.BINUNICODE8 + struct.pack("<Q", 2**62),
        pickle.BINUNICODE + struct.pack("<I", 2**32 - 1),
        pickle.LONG_BINPUT + struct.pack("<I", 2**32 - 1),
        pickle.FRAME + struct.pack("<Q", 2**62),
        pickle.EXT1 + b"\x01",
        pickle.INST + b"os\nmkdir\n",
        *(pickle.BINPUT + bytes([n]) for n in range(4)),
        *(pickle.BINGET + bytes([n]) for n in range(4)),
    ]
    pieces = [*plain, *map(name, names), *map(name, names)]
    # Each starts as calls do: a name, arguments, a call.
    start = name(draw.choice(names)) + pickle.MARK
    parts = [draw.choice(pieces) for _ in range(draw.randrange(1, 12))]
    end = pickle.TUPLE + pickle.REDUCE if draw.random() < 0.7 else b""
    deep = draw.choice((b"", b"", b"(" * 5000, b"]" * 5000, b"\x85" * 5000))
    return b"\x80\x02" + deep + start + b"".join(parts) + end + b"."


def stream_file(folder):
    import torch

    path = os.path.join(folder, "x.pth")
    torch.save(checkpoint(), path, _use_new_zipfile_serialization=False)
    good = Path(path).read_bytes()
    return path, lambda draw: damaged(good, draw)


def safetensors_file(folder):
    from safetensors.numpy import save_file

    path = os.path.join(folder, "x.safetensors")
    tensors = dict(a=np.ones((2, 3), np.float32), b=np.ones(4, np.int8))
    save_file(tensors, path, metadata=dict(mmdenoise_format="1"))
    good = Path(path).read_bytes()
    return path, lambda draw: damaged(good, draw)


def denoiser_file(folder):
    """Good weights, and a record of the denoiser that says anything."""
    import torch
    from safetensors.torch import save_file

    from mmdenoise.registry import MODELS

    config = dict(type="mmdenoise.DnCNN", depth=3, channels=4)
    state = MODELS.build(config).state_dict()
    path = os.path.join(folder, "x.safetensors")
    values = [0, -1, 3, 100, 2**70, 1e400, 0.5, None, True, [], {}, "x", "BN", [[1]]]
    kinds = ("DnCNN", "mmdenoise.FFDNet", "os.system", "torch.nn.Linear", "Cascade")

    def make(draw):
        found = dict(config)
        for _ in range(draw.randint(1, 3)):
            options = ("type", "depth", "channels", "norm_cfg", "sigma", "scales", "x")
            found[draw.choice(options)] = draw.choice(values)
        if draw.random() < 0.7:
            found["type"] = draw.choice(kinds)
        if draw.random() < 0.3:
            found["norm_cfg"] = dict(type=draw.choice(("BN", "os.system", "GN", 3)))
        text = json.dumps(found)
        if draw.random() < 0.4:
            text = damaged(text.encode(), draw).decode("latin1")
        if draw.random() < 0.05:
            text = draw.choice("[{") * 100000
        metadata = dict(mmdenoise_format="1", denoiser=text)
        if draw.random() < 0.5:
            save_file(state, path, metadata=metadata)
            return Path(path).read_bytes()
        # A training's record of its config instead.
        text = f"model = dict(denoiser={found!r})\n"
        if draw.random() < 0.5:
            text = damaged(text.encode(), draw).decode("latin1")
        out = io.BytesIO()
        torch.save(dict(state_dict=state, meta=dict(cfg=text)), out)
        return out.getvalue()

    return path, make


def metafile(folder):
    path = os.path.join(folder, "metafile.yml")
    good = b"Models:\n  - Name: a\n    SHA256: 0a1b\n    Metadata: {Sigma: [5, 65]}\n"
    bombs = (
        b"a: &a [1,1,1,1,1,1,1,1,1]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nModels: *b\n",
        b"Models: !!python/object/apply:os.mkdir [mark]\n",
        b"Models: " + b"[" * 5000,
        b"Models: &x [*x]\n",
    )

    def make(draw):
        return draw.choice(bombs) if draw.random() < 0.05 else damaged(good, draw)

    return path, make


def matlab_file(folder, version):
    """A network of two convs, as MATLAB saves it."""
    path = os.path.join(folder, "x.mat")
    kernel, bias = np.ones((3, 3, 3, 4), np.float32), np.ones((4, 1), np.float32)
    if version == 5:
        from scipy.io import savemat

        weights = np.empty((1, 2), object)
        weights[0, 0], weights[0, 1] = kernel, bias
        layers = np.empty((1, 2), object)
        layers[0, 0] = dict(type="conv", weights=weights, pad=1.0)
        layers[0, 1] = dict(type="relu", leak=0.0)
        packed, plain = io.BytesIO(), io.BytesIO()
        for out, compress in ((packed, True), (plain, False)):
            savemat(out, dict(net=dict(layers=layers)), do_compression=compress)
        goods = (packed.getvalue(), plain.getvalue())
        return path, lambda draw: damaged(draw.choice(goods), draw)
    import h5py

    with h5py.File(path, "w", userblock_size=512) as file:
        group = file.create_group("#refs#/a")
        group["type"] = np.array([[ord(letter)] for letter in "conv"], np.uint16)
        for name, array in (("k", kernel), ("b", bias)):
            file["#refs#"].create_dataset(name, data=array.T, compression="gzip")
        refs = [file["#refs#/k"].ref, file["#refs#/b"].ref]
        group["weights"] = np.array(refs, h5py.ref_dtype).reshape(2, 1)
        file["net/layers"] = np.array([group.ref], h5py.ref_dtype).reshape(1, 1)
    good = Path(path).read_bytes()
    return path, lambda draw: damaged(good[512:], draw)


KINDS = {
    "zip": (zip_file, "open"),
    "pickle": (lambda folder: zip_file(folder, whole=False), "open"),
    "stream": (stream_file, "open"),
    "safetensors": (safetensors_file, "open"),
    "denoiser": (denoiser_file, "load"),
    "metafile": (metafile, "metafile"),
    "matlab5": (lambda folder: matlab_file(folder, 5), "worker"),
    "matlab73": (lambda folder: matlab_file(folder, 73), "worker"),
}


def opener(how):
    """The function under test: of a path; refuses by an error of one line."""
    if how == "worker":
        return worker()
    if how == "load":
        from mmdenoise.apis import load_denoiser

        return load_denoiser
    if how == "metafile":
        from mmdenoise.weights.zoo import read_metafile

        return read_metafile
    from mmdenoise.weights.reader import open_checkpoint

    return open_checkpoint


def worker():
    """MATLAB's files are read by a program of its own: here a process a file."""
    import h5py  # noqa: F401 - once, and not in each process
    import scipy.io  # noqa: F401

    path = str(ROOT / "mmdenoise/weights/matlab_worker.py")
    main = runpy.run_path(path)["main"]

    def read(path):
        child = os.fork()
        if not child:
            with open(os.devnull, "w") as sys.stdout:
                os._exit(3 if "error" in main(path) else 0)
        status = os.waitpid(child, 0)[1]
        if status:
            raise ValueError(f"it was refused, or its reader stopped: {status}")

    return read


def peak():
    """MiB, of this process and of those that it waited for."""
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return max(resource.getrusage(kind).ru_maxrss for kind in kinds) / 1024


def run(kind, count):
    warnings.simplefilter("ignore")
    build, how = KINDS[kind]
    found = dict(tried=0, opened=0, refused=0, crashed=[], slowest=0.0)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        watch = Watch(folder)
        path, make = build(folder)
        read = opener(how)
        if how == "load":
            Path(path).write_bytes(make(random.Random(0)))
        b"a".decode("cp437")  # as archives name their entries
        if Path(path).exists():
            with contextlib.suppress(ValueError):
                read(path)  # what is imported late is imported
        before = peak()
        for seed in range(count):
            content = make(random.Random(seed))
            with open(path, "wb") as file:
                file.write(content)
            found["tried"] += 1
            start = time.monotonic()
            watch.on = how != "worker"
            try:
                read(path)
                found["opened"] += 1
            except (ValueError, RuntimeError) as error:
                text = str(error)
                if "\n" in text or len(text) > 1000 or "MemoryError" in text:
                    found["crashed"].append([seed, text[:200]])
                found["refused"] += 1
            except BaseException as error:
                found["crashed"].append([seed, repr(error)[:200]])
            watch.on = False
            found["slowest"] = max(found["slowest"], time.monotonic() - start)
        found["memory"] = round(peak() - before)
        found["executed"] = watch.seen + sorted(set(os.listdir()) - {Path(path).name})
        os.chdir("/")
    found["slowest"] = round(found["slowest"], 2)
    return found


if __name__ == "__main__":
    print(json.dumps(run(sys.argv[1], int(sys.argv[2]))))
