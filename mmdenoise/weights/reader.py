"""Open files of weights, whole checkpoints among them, without running what they hold.

From PyTorch 2.6 on its own ``weights_only`` reader does it, with a list of what
MMEngine's checkpoints hold beside tensors. Before, that reader can be made to run code
(CVE-2025-32434), so those versions get a restricted unpickler of ours.
"""

from __future__ import annotations

import io
import os
import pickle
import re
import tarfile
from collections.abc import Iterable
from typing import Callable
from urllib.parse import urlparse

import torch
from mmengine.logging import print_log
from mmengine.utils import digit_version
from safetensors.torch import load_file

from mmdenoise.weights import restricted_pickle
from mmdenoise.weights.matconvnet import read_matconvnet

__all__ = [
    "has_safe_torch",
    "local_path",
    "open_checkpoint",
    "trust",
    "trust_no_file",
]

FORCED = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"
ZIP = b"PK\x03\x04"

_trusted: set[str] = set()


def has_safe_torch() -> bool:
    """Whether PyTorch's own reader of weights is safe: from 2.6 on."""
    return digit_version(torch.__version__) >= digit_version("2.6")


def trust(paths: Iterable[str]) -> None:
    """Let the user vouch for files: where one holds objects, they are unpickled.

    Nothing but ``--resume --trust-checkpoint`` does that.
    """
    _trusted.update(os.path.realpath(path) for path in paths)


def trust_no_file() -> None:
    """Take back every :func:`trust`."""
    _trusted.clear()


def open_checkpoint(
    path: str,
    what: str = "checkpoint",
    map_location: str | torch.device | dict | Callable | None = "cpu",
) -> object:
    """Read all that a checkpoint holds; run nothing.

    Args:
        path: A ``.safetensors`` file, a MATLAB file (``.mat``) of a network of
            MatConvNet, a file of ``torch.save``, or the URL of one.
        what: The name of the option it was given as, for the error.
        map_location: As for ``torch.load``; the other two go to the CPU.

    Returns:
        What was saved: dicts, lists, numbers, strings, arrays and tensors.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is corrupt, or holds more than data.
    """
    local = local_path(path)
    if not os.path.isfile(local):
        raise FileNotFoundError(f"{what}: there is no file {path!r}")
    named = repr(path) if local == path else f"{path!r} ({local})"
    try:
        if local.endswith(".safetensors"):
            return load_file(local)
        if local.endswith(".mat"):
            return read_matconvnet(local)
        try:
            return _read(local, map_location)
        except pickle.UnpicklingError:
            if os.path.realpath(local) not in _trusted:
                raise
            print_log(
                f"{named} holds more than data; it is trusted, and unpickled",
                logger="current",
                level=30,
            )
            return _read_trusted(local, map_location)
    except pickle.UnpicklingError as error:
        reason = _refused(str(error))
        raise ValueError(
            f"{what}: {named} is corrupt or holds more than weights, and was not "
            f"opened ({reason})"
        ) from None
    except Exception as error:  # a damaged pickle can fail in any way
        name = "empty" if isinstance(error, EOFError) else type(error).__name__
        reason = _first_sentence(str(error), name)
        raise ValueError(f"{what}: cannot read {named} ({reason})") from None


def local_path(path: str) -> str:
    """Return where a file is; what a URL names is downloaded once, as PyTorch does."""
    if not path.startswith(("http://", "https://")):
        return os.path.expanduser(path)
    name = os.path.basename(urlparse(path).path)
    local = os.path.join(torch.hub.get_dir(), "checkpoints", name)
    if not os.path.isfile(local):
        os.makedirs(os.path.dirname(local), exist_ok=True)
        torch.hub.download_url_to_file(path, local)
    return local


def _read(path: str, map_location: object) -> object:
    if not has_safe_torch():
        return _read_restricted(path, map_location)
    known = [(value, name) for name, value in restricted_pickle.HARMLESS.items()]
    # By type, as the state of a dtype is set.
    known += restricted_pickle.DTYPES
    with torch.serialization.safe_globals(known):
        return torch.load(path, map_location=map_location, weights_only=True)


def _read_restricted(path: str, map_location: object) -> object:
    """Read either of PyTorch's formats; those functions are older than 2.1.

    ``torch.load`` itself would hand TorchScript to its interpreter, and unpack archives
    of the first versions of PyTorch wherever they say.
    """
    options = dict(pickle_module=restricted_pickle, encoding="utf-8")
    with open(path, "rb") as file:
        is_zip = file.read(len(ZIP)) == ZIP
    if is_zip:
        archive = torch._C.PyTorchFileReader(path)
        if archive.has_record("constants.pkl"):
            raise pickle.UnpicklingError("it is a TorchScript program")
        return torch.serialization._load(archive, map_location, **options)
    if tarfile.is_tarfile(path):
        raise pickle.UnpicklingError(
            "it has the format of the first PyTorch versions: save it again"
        )
    with open(path, "rb") as file:
        # From memory: what has no file behind it is not tried as an archive.
        stream = io.BytesIO(file.read())
    return torch.serialization._legacy_load(stream, map_location, **options)


def _read_trusted(path: str, map_location: object) -> object:
    # With the variable set, PyTorch reads weights alone whatever it is told.
    forced = os.environ.pop(FORCED, None)
    try:
        return torch.load(path, map_location=map_location, weights_only=False)
    finally:
        if forced is not None:
            os.environ[FORCED] = forced


def _refused(text: str) -> str:
    """What was wrong; it stands deep in an advice to open the file regardless."""
    detail = text.rpartition("WeightsUnpickler error:")[2]
    named = re.search(r"^.*unsupported.*", detail, re.IGNORECASE | re.MULTILINE)
    return _first_sentence(named[0] if named else detail, "damaged")


def _first_sentence(text: str, otherwise: str) -> str:
    line = (text.strip() or otherwise).splitlines()[0]
    return line.partition(". ")[0].rstrip(".")
