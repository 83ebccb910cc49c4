"""Files of ``torch.save``: the zip archives of today, and the streams before 1.6.

Both hold pickles of which :mod:`.restricted_pickle` makes data, and the numbers of the
tensors beside them. Nothing is allocated before its size was checked against the
file's.
"""

from __future__ import annotations

import io
import mmap
import os
import pickle
import sys
import zipfile
from typing import Callable, Union

import torch
from torch import Tensor

from mmdenoise.weights.limits import Budget, refuse_strange
from mmdenoise.weights.pickled_values import Values
from mmdenoise.weights.restricted_pickle import Unpickler

__all__ = ["MapLocation", "read_torch_file"]

MapLocation = Union[str, torch.device, dict, Callable, None]
ZIP = b"PK\x03\x04"
# By which PyTorch knows its streams.
MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
# Names of a zip archive's entries take 200 bytes of memory for each of these.
LONGEST_DIRECTORY = 1 << 24
BLOCK = 1 << 20
# A tensor may show a number many times, and a list be named many times; this much
# beyond the file's own size covers what networks do.
SLACK = 1 << 26
OTHER_ORDER = "its numbers are in another byte order than this machine's"


def read_torch_file(path: str, map_location: MapLocation = "cpu") -> object:
    """Read all that a file of ``torch.save`` holds; run nothing.

    Args:
        path: The file.
        map_location: A device, a dict of devices by the saved ones, or a function of a
            storage and a saved device; None leaves everything on the CPU.

    Returns:
        Dicts, lists, numbers, strings, arrays and tensors.

    Raises:
        pickle.UnpicklingError: If it holds more than data.
        EOFError, OSError, ValueError, zipfile.BadZipFile: And others, if it is damaged.
    """
    with open(path, "rb") as file:
        is_zip = file.read(len(ZIP)) == ZIP
    content = (_read_zip if is_zip else _read_stream)(path, map_location)
    refuse_strange(content)
    return content


def _budget(path: str) -> Budget:
    return Budget(4 * os.path.getsize(path) + SLACK)


class _Bounded(io.BufferedReader):
    """A file that is not read in larger pieces than a directory of entries has."""

    def read(self, size: int | None = -1) -> bytes:
        if size is not None and size > LONGEST_DIRECTORY:
            raise zipfile.BadZipFile("its directory is longer than any network's")
        return super().read(size)


def _read_zip(path: str, map_location: MapLocation) -> object:
    with _Bounded(io.FileIO(path)) as file, zipfile.ZipFile(file) as archive:
        top, _, _ = next(iter(archive.namelist()), "").partition("/")
        if f"{top}/constants.pkl" in archive.namelist():
            raise pickle.UnpicklingError("it is a TorchScript program")
        entries = _entries(archive, os.path.getsize(path))
        if f"{top}/data.pkl" not in entries:
            raise ValueError("it is a zip archive, and none of torch.save")
        order = entries.get(f"{top}/byteorder")
        if order is not None and _bytes(archive, order) != sys.byteorder.encode():
            raise ValueError(OTHER_ORDER)
        read: dict[str, Tensor] = {}

        def storage(key: str, dtype: torch.dtype, count: int, location: str) -> Tensor:
            if key not in read:
                entry = entries.get(f"{top}/data/{key}")
                if entry is None:
                    raise ValueError("it lacks numbers of a tensor")
                numbers = _tensor(_bytes(archive, entry), dtype, count)
                read[key] = _moved(numbers, location, map_location)
            if (read[key].dtype, len(read[key])) != (dtype, count):
                raise ValueError("it has a storage of two kinds")
            return read[key]

        data = io.BytesIO(_bytes(archive, entries[f"{top}/data.pkl"]))
        return Unpickler(data, Values(storage, _budget(path))).load()


def _entries(archive: zipfile.ZipFile, size: int) -> dict[str, zipfile.ZipInfo]:
    """A zip archive's entries by name, none of them compressed, none over another.

    Raises:
        zipfile.BadZipFile: If there are some of other kinds.
    """
    entries: dict[str, zipfile.ZipInfo] = {}
    end = 0
    for entry in sorted(archive.infolist(), key=lambda entry: entry.header_offset):
        if entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & 1:
            raise zipfile.BadZipFile(
                "it is a compressed archive, as torch.save writes none"
            )
        start = entry.header_offset
        if start < end or entry.file_size != entry.compress_size:
            raise zipfile.BadZipFile("its entries lie over one another")
        end = start + entry.file_size
        if end > size or entry.filename in entries:
            raise zipfile.BadZipFile("its entries are not those of one file")
        entries[entry.filename] = entry
    return entries


def _bytes(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytearray:
    """Read an entry, whose checksum is compared; its size is checked already."""
    content = bytearray(entry.file_size)
    place = memoryview(content)
    with archive.open(entry) as file:
        while place:
            block = file.read(min(BLOCK, len(place)))
            if not block:
                raise EOFError
            place[: len(block)] = block
            place = place[len(block) :]
    return content


def _read_stream(path: str, map_location: MapLocation) -> object:
    if not os.path.getsize(path):
        raise EOFError
    with open(path, "rb") as file:
        # In memory as it is read, and no further: lengths in it are not believed.
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return _read_pickles(content, _budget(path), map_location)


def _read_pickles(
    content: mmap.mmap, budget: Budget, map_location: MapLocation
) -> object:
    def load(storage: Callable) -> object:
        return Unpickler(content, Values(storage, budget)).load()

    def nothing(key: str, dtype: torch.dtype, count: int, location: str) -> Tensor:
        return torch.empty(count, dtype=dtype, device="meta")

    if [load(nothing), load(nothing)] != [MAGIC, PROTOCOL]:
        raise pickle.UnpicklingError("it is no file of torch.save")
    system = load(nothing)
    if not isinstance(system, dict) or not system.get("little_endian"):
        raise ValueError(OTHER_ORDER)
    # The numbers come last: what needs them is read twice.
    start = content.tell()
    wanted: dict[str, tuple] = {}

    def note(key: str, dtype: torch.dtype, count: int, location: str) -> Tensor:
        if wanted.setdefault(key, (dtype, count, location)) != (dtype, count, location):
            raise ValueError("it has a storage of two kinds")
        return nothing(key, dtype, count, location)

    load(note)
    keys = load(nothing)
    if not isinstance(keys, list) or sorted(map(str, keys)) != sorted(wanted):
        raise ValueError("it lacks numbers of a tensor")
    read = {}
    for key in keys:
        dtype, count, location = wanted[key]
        if int.from_bytes(content.read(8), "little") != count:
            raise ValueError("it has a storage of another size than it says")
        # Of what is there, however many are said to be.
        numbers = bytearray(content.read(count * dtype.itemsize))
        read[key] = _moved(_tensor(numbers, dtype, count), location, map_location)
    content.seek(start)
    return load(lambda key, dtype, count, location: read[key])


def _tensor(content: bytearray, dtype: torch.dtype, count: int) -> Tensor:
    """Read numbers, (count,), of just so many bytes."""
    missing = len(content) - count * dtype.itemsize
    if not 0 <= missing < dtype.itemsize:
        raise ValueError("it has a storage of another size than it says")
    if not count:
        return torch.empty(0, dtype=dtype)
    return torch.frombuffer(content, dtype=dtype, count=count)


def _moved(numbers: Tensor, location: str, target: MapLocation) -> Tensor:
    """Put numbers where ``map_location`` says that those of a saved device go."""
    if isinstance(target, dict):
        target = target.get(location)
    elif callable(target):
        storage = target(numbers.untyped_storage(), location)
        target = None if storage is None else storage.device
    return numbers if target is None else numbers.to(target)
