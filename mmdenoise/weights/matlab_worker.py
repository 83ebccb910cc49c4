"""Read the layers of a MatConvNet network, as a program of its own.

The libraries that read MATLAB's files are written in C, and a damaged or hostile file
can take them down, or keep them busy. So this runs beside the program that asks, with
bounds on its memory and its time (:mod:`.matlab_file` starts it and says what came
out). It imports nothing of this package, which would take seconds.

Output: a line of JSON, ``{"layers": [...]}`` or ``{"error": "..."}``, where arrays are
``[dtype, shape]``, and then the bytes of the arrays, in that order.
"""

from __future__ import annotations

import io
import json
import math
import sys
import zlib

import numpy as np

# Bytes that a file may make: what deflates well has few of them, and networks do not.
FACTOR, SLACK = 4, 1 << 24
OWN_MEMORY, OWN_SECONDS = 1 << 29, 8
MOST_LAYERS, LONGEST_NAME = 1000, 40
OPTIONS = ("pad", "stride", "dilate", "leak")
# Deflate, shuffle, checksum: what MATLAB writes. Others are looked for in libraries.
FILTERS = (1, 2, 3)


class Budget:
    """Bytes that a file may still make."""

    def __init__(self, size: int) -> None:
        self.left = FACTOR * size + SLACK

    def spend(self, amount: int) -> None:
        """Take some; a ``ValueError`` if there are not so many left."""
        self.left -= amount
        if self.left < 0:
            raise ValueError("it unpacks to more than its size accounts for")


def layers_of_hdf5(path: str, budget: Budget) -> list[dict]:
    """Version 7.3, in which all dimensions are reversed."""
    import h5py

    if not h5py.is_hdf5(path):
        raise ValueError("it is no MATLAB file of version 5 or 7.3")

    def member(group: h5py.Group, name: str) -> object:
        link = group.get(name, getlink=True)
        if link is not None and type(link) is not h5py.HardLink:
            raise ValueError(f"{name!r} is a link, perhaps to another file")
        return None if link is None else group[name]

    def is_cell(item: object) -> bool:
        # By its kind: to NumPy, references and texts are objects alike.
        return (
            isinstance(item, h5py.Dataset)
            and h5py.check_ref_dtype(item.dtype) is h5py.Reference
        )

    def read(dataset: object) -> np.ndarray:
        if not isinstance(dataset, h5py.Dataset) or dataset.shape is None:
            raise ValueError("it has a group where numbers are expected")
        if dataset.is_virtual or dataset.external:
            raise ValueError("its numbers lie in other files")
        if dataset.dtype.kind not in "fiu" and not is_cell(dataset):
            raise ValueError("it has numbers of no simple type")
        options = dataset.id.get_create_plist()
        used = [options.get_filter(i)[0] for i in range(options.get_nfilters())]
        if not set(used) <= set(FILTERS):
            raise ValueError("its numbers are packed as MATLAB does not")
        budget.spend(math.prod(dataset.shape) * dataset.dtype.itemsize)
        budget.spend(math.prod(dataset.chunks or ()) * dataset.dtype.itemsize)
        return np.asarray(dataset[()])

    layers = []
    with h5py.File(path, "r") as file:
        net = member(file, "net")
        cells = member(net, "layers") if isinstance(net, h5py.Group) else None
        if not is_cell(cells):
            raise no_network(file.keys())
        for reference in read(cells).ravel()[: MOST_LAYERS + 1]:
            group = file[reference]
            kind = member(group, "type") if isinstance(group, h5py.Group) else None
            if kind is None:
                raise no_network(file.keys())
            text = read(kind).ravel()[:LONGEST_NAME].tolist()
            layer = dict(kind="".join(map(chr, text)), weights=[], options={})
            weights = member(group, "weights")
            if is_cell(weights):
                layer["weights"] = [
                    read(file[item]).T for item in read(weights).ravel()[:9]
                ]
            for name in OPTIONS:
                option = member(group, name)
                if option is not None:
                    layer["options"][name] = read(option)
            layers.append(layer)
    return layers


def layers_of_version_5(path: str, budget: Budget) -> list[dict]:
    """Version 5."""
    from scipy.io import loadmat

    content = loadmat(io.BytesIO(unpacked(path, budget)), struct_as_record=False)
    net = value_in(content.get("net"))
    if not isinstance(getattr(net, "layers", None), np.ndarray):
        raise no_network(content)
    layers = []
    for cell in net.layers.ravel()[: MOST_LAYERS + 1]:
        found = value_in(cell)
        if not hasattr(found, "type"):
            raise no_network(content)
        kind = str(value_in(found.type))[:LONGEST_NAME]
        layer = dict(kind=kind, weights=[], options={})
        weights = getattr(found, "weights", None)
        if isinstance(weights, np.ndarray) and weights.dtype == object:
            layer["weights"] = list(weights.ravel()[:9])
        for name in OPTIONS:
            if hasattr(found, name):
                layer["options"][name] = np.asarray(getattr(found, name))
        layers.append(layer)
    return layers


def unpacked(path: str, budget: Budget) -> bytes:
    """A file of version 5 whose elements, each packed by itself, are not packed."""
    with open(path, "rb") as file:
        content = file.read()
    order = {b"IM": "little", b"MI": "big"}.get(content[126:128])
    if order is None:
        raise ValueError("it is cut short, or damaged in its first bytes")
    parts, place = [content[:128]], 128
    while place + 8 <= len(content):
        kind = int.from_bytes(content[place : place + 4], order)
        size = int.from_bytes(content[place + 4 : place + 8], order)
        element = content[place : place + 8 + size]
        if len(element) < 8 + size:
            raise ValueError("it is cut short")
        place += 8 + size
        if kind == 15:
            reader = zlib.decompressobj()
            element = reader.decompress(element[8:], budget.left + 1)
        budget.spend(len(element))
        parts.append(element)
    return b"".join(parts)


def value_in(value: object) -> object:
    """Take a struct or a text out of the 1x1 array that it is in."""
    while isinstance(value, np.ndarray) and value.size == 1:
        value = value.item()
    return value


def no_network(names: object) -> ValueError:
    """The error that a file is another one, with what it holds."""
    there = [str(n)[:LONGEST_NAME] for n in names if not n.startswith(("#", "__"))]
    return ValueError(
        "it holds no MatConvNet network, which is a struct 'net' with a cell array "
        f"'layers'; it holds {', '.join(there[:9]) or 'nothing'}"
    )


def described(layers: list[dict]) -> tuple[list[dict], list[bytes]]:
    """What is printed of layers, and the bytes of their arrays."""
    if len(layers) > MOST_LAYERS:
        raise ValueError(f"it has more than {MOST_LAYERS} layers")
    numbers = []

    def array(value: object, kinds: str) -> list:
        value = np.asarray(value)
        if value.dtype.kind not in kinds:
            raise ValueError(
                f"it has numbers of the type {value.dtype.name[:40]}, where single or "
                "double is expected"
            )
        value = np.ascontiguousarray(value, value.dtype.newbyteorder("<"))
        numbers.append(value.tobytes())
        return [value.dtype.str, value.shape]

    said = []
    for layer in layers:
        weights = [array(item, "f") for item in layer["weights"]]
        options = {k: array(v, "fiub") for k, v in layer["options"].items()}
        said.append(dict(kind=layer["kind"], weights=weights, options=options))
    return said, numbers


def bound(size: int) -> None:
    """Let this process have so much memory and time, and write no file."""
    try:
        import resource
    except ImportError:  # Windows
        return
    for what, limit in (
        (resource.RLIMIT_DATA, OWN_MEMORY + 3 * FACTOR * size),
        (resource.RLIMIT_CPU, OWN_SECONDS),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (limit, limit))


def main(path: str) -> dict:
    """Print what the file at ``path`` holds; return what stands in the first line."""
    with open(path, "rb") as file:
        is_version_5 = file.read(10) == b"MATLAB 5.0"
        size = file.seek(0, 2)
    # Imported before memory is bounded.
    __import__("scipy.io" if is_version_5 else "h5py")
    bound(size)
    numbers: list[bytes] = []
    try:
        read = layers_of_version_5 if is_version_5 else layers_of_hdf5
        layers, numbers = described(read(path, Budget(size)))
        said = dict(layers=layers)
    except Exception as error:  # a damaged file can fail in any way
        said = dict(error=str(error)[:400] or type(error).__name__)
    out = sys.stdout.buffer
    out.write(json.dumps(said).encode() + b"\n")
    for part in numbers:
        out.write(part)
    out.flush()
    return said


if __name__ == "__main__":
    sys.path[:] = json.loads(sys.argv[2])
    main(sys.argv[1])
