"""Open files of weights, whole checkpoints among them, without running what they hold.

One reader for each kind of file, the same on every PyTorch; none of them believes a
name or a size that a file says. ``docs/security.md`` tells what that promises.
"""

from __future__ import annotations

import hashlib
import os
import pickle
from urllib.parse import urlparse

import torch
from mmengine.logging import print_log

from mmdenoise.weights.matconvnet import read_matconvnet
from mmdenoise.weights.safetensors_file import read_safetensors
from mmdenoise.weights.shortened import shortened
from mmdenoise.weights.torch_file import MapLocation, read_torch_file

__all__ = ["local_path", "open_checkpoint"]


def open_checkpoint(
    path: str,
    what: str = "checkpoint",
    map_location: MapLocation = "cpu",
    trusted: bool = False,
) -> object:
    """Read all that a checkpoint holds; run nothing.

    Args:
        path: A ``.safetensors`` file, a MATLAB file (``.mat``) of a network of
            MatConvNet, a file of ``torch.save``, or the URL of one.
        what: The name of the option it was given as, for the error.
        map_location: As for ``torch.load``, but that None is the CPU; what is no file
            of ``torch.save`` goes to the CPU.
        trusted: The user made the file, and lets it be unpickled where it holds more
            than data. Nothing but ``--resume --trust-checkpoint`` says so.

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
            return read_safetensors(local)
        if local.endswith(".mat"):
            return read_matconvnet(local)
        try:
            return read_torch_file(local, map_location)
        except pickle.UnpicklingError:
            if not trusted:
                raise
            print_log(
                f"{named} holds more than data; it is trusted, and unpickled",
                logger="current",
                level=30,
            )
            return torch.load(local, map_location=map_location, weights_only=False)
    except pickle.UnpicklingError as error:
        raise ValueError(
            f"{what}: {named} is corrupt or holds more than weights, and was not "
            f"opened ({_first_sentence(str(error), 'damaged')})"
        ) from None
    except Exception as error:  # a damaged file can fail in any way
        name = "empty" if isinstance(error, EOFError) else type(error).__name__
        reason = _first_sentence(str(error), name)
        raise ValueError(f"{what}: cannot read {named} ({reason})") from None


def local_path(path: str) -> str:
    """Return where a file is; what a URL names is downloaded once.

    It is kept in PyTorch's folder of downloads, in one of its URL: two files of one
    name at two places are two files.

    Raises:
        OSError: If it cannot be downloaded.
        ValueError: If a URL names no file.
    """
    if not path.startswith(("http://", "https://")):
        return os.path.expanduser(path)
    name = os.path.basename(urlparse(path).path)
    if not name:
        raise ValueError(f"{path!r} names no file")
    place = hashlib.sha256(path.encode()).hexdigest()[:16]
    local = os.path.join(torch.hub.get_dir(), "checkpoints", place, name)
    if not os.path.isfile(local):
        os.makedirs(os.path.dirname(local), exist_ok=True)
        torch.hub.download_url_to_file(path, local)
    return local


def _first_sentence(text: str, otherwise: str) -> str:
    line = (text.strip() or otherwise).splitlines()[0]
    return shortened(line.partition(". ")[0].rstrip("."))
