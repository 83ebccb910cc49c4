"""MATLAB's files of versions 5 and 7.3, read in a process of their own.

See :mod:`.matlab_worker` for why, and for what is refused.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import threading
from dataclasses import dataclass, field

import numpy as np

from mmdenoise.weights.shortened import shortened

__all__ = ["Layer", "read_layers"]

WORKER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "matlab_worker.py")
# The worker stops itself before: that is for one that waits.
SECONDS = 60
LONGEST_LINE = 1 << 20
KINDS = {"f": 8, "i": 8, "u": 8, "b": 1}


@dataclass
class Layer:
    """One layer as the file has it: arrays in MATLAB's order of dimensions."""

    kind: str
    weights: list[np.ndarray] = field(default_factory=list)
    options: dict[str, np.ndarray] = field(default_factory=dict)


def read_layers(path: str) -> list[Layer]:
    """Read the layers of ``net.layers``.

    Raises:
        ImportError: If the package that reads such a file is missing.
        ValueError: If the file holds no such network, or is damaged.
    """
    with open(path, "rb") as file:
        _need("scipy" if file.read(10) == b"MATLAB 5.0" else "h5py")
    environment = dict(
        os.environ,
        OMP_NUM_THREADS="1",
        OPENBLAS_NUM_THREADS="1",
        HDF5_PLUGIN_PRELOAD="::",  # no library that a file asks for is loaded
    )
    process = subprocess.Popen(
        [sys.executable, WORKER, os.path.abspath(path), json.dumps(sys.path)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
    )
    watch = threading.Timer(SECONDS, process.kill)
    watch.start()
    try:
        with process.stdout as output:
            line = output.readline(LONGEST_LINE)
            said = json.loads(line) if line.endswith(b"\n") else {}
            if "error" in said:
                raise ValueError(shortened(said["error"], 400))
            layers = [_layer(entry, output) for entry in said.get("layers", ())]
    finally:
        watch.cancel()
        process.kill()
        process.wait()
    if "layers" not in said:
        raise ValueError("its reader stopped: it is damaged, or made to stop it")
    return layers


def _layer(entry: dict, output) -> Layer:
    def array(kind: str, shape: list[int]) -> np.ndarray:
        dtype = np.dtype(kind)
        if dtype.kind not in KINDS or dtype.itemsize > KINDS[dtype.kind]:
            raise ValueError("it has numbers of no simple type")
        content = output.read(int(np.prod(shape, dtype=object)) * dtype.itemsize)
        return np.frombuffer(content, dtype).reshape(shape)

    weights = [array(*item) for item in entry["weights"]]
    options = {name: array(*item) for name, item in entry["options"].items()}
    return Layer(entry["kind"], weights, options)


def _need(package: str) -> None:
    if importlib.util.find_spec(package) is None:
        raise ImportError(
            f"reading MATLAB files needs {package}: pip install 'mmdenoise[baselines]'"
        )
