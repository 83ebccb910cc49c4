"""Find the checkpoint from which an interrupted training goes on."""

from __future__ import annotations

import glob
import json
import os
import re
from collections.abc import Iterator, Mapping

from mmengine.logging import print_log

from mmdenoise.weights.config_record import model_in_text
from mmdenoise.weights.mmengine_loading import trust
from mmdenoise.weights.reader import open_checkpoint
from mmdenoise.weights.state_dicts import weights_in

__all__ = [
    "checkpoint_to_resume",
    "differences",
    "newest_checkpoint",
    "refuse_another_training",
    "say_what_is_there",
]

NUMBERED = re.compile(r"(?:iter|epoch)_(\d+)\.pth")
POINTER = "last_checkpoint"
# What may change while a training goes on: where files are, and how it is computed.
FREE = (
    *("head_checkpoint", "denoiser_checkpoint", "data_preprocessor", "init_cfg"),
    *("head_autocast", "denoiser_precision"),
    *("activation_checkpointing", "compile_denoiser"),
)


def checkpoint_to_resume(
    work_dir: str, trusted: bool = False, model: Mapping | None = None
) -> str | None:
    """Find the checkpoint with which a training goes on, newest first.

    Args:
        work_dir: Folder of the training.
        trusted: The user made what is in the folder, and lets it be unpickled, here and
            by MMEngine, until the
            :func:`mmdenoise.weights.mmengine_loading.safe_loading` around this ends.
        model: The config's ``model``, to which the checkpoint has to belong.

    Returns:
        Its path; None if the folder holds no checkpoint.

    Raises:
        ValueError: If it holds some and none opens, or if they are another training's.
    """
    paths = [
        path
        for kind in ("iter", "epoch")
        for path in glob.glob(os.path.join(glob.escape(work_dir), f"{kind}_*.pth"))
    ]
    newest = newest_checkpoint(work_dir, trusted, model)
    if newest is None and paths:
        raise ValueError(
            f"--resume: none of the {len(paths)} checkpoints in {work_dir!r} opens, as "
            "said above; move them away to start afresh"
        )
    if newest is not None and trusted:
        trust(newest)
    return newest


def newest_checkpoint(
    work_dir: str, trusted: bool = False, model: Mapping | None = None
) -> str | None:
    """Return the newest checkpoint of a folder that opens, or None.

    Not just the one that ``last_checkpoint`` points to: a kill can fall between the
    file and the pointer, or leave a file of an older writer half-written. One of a
    higher number that was saved earlier is of another training, and passed over.

    Args:
        work_dir: Folder with ``iter_N.pth`` or ``epoch_N.pth`` files.
        trusted: As for :func:`mmdenoise.weights.reader.open_checkpoint`.
        model: The config's ``model``, to which the checkpoint has to belong.

    Raises:
        ValueError: If it belongs to another ``model``.
    """
    pointed = _pointed(work_dir)
    # Each is opened once: what is trusted may run.
    opened = {} if pointed is None else {pointed: _opened(pointed, trusted)}
    last = _time(opened.get(pointed))
    for path in _numbered(work_dir):
        if path not in opened:
            opened[path] = _opened(path, trusted)
        meta = opened[path]
        if isinstance(meta, str):
            _say(f"passed over: {meta}")
            continue
        saved = _time(meta)
        if path != pointed and saved and last and saved < last:
            _say(
                f"passed over: {path!r} is of an earlier training: it was saved "
                f"{saved}, and {os.path.basename(pointed)}, the last one, {last}"
            )
            continue
        if model is not None:
            refuse_another_training(path, meta, model)
        return path
    return None


def refuse_another_training(path: str, meta: Mapping, model: Mapping) -> None:
    """Refuse to go on with a checkpoint of another cascade than the config's.

    Args:
        path: The checkpoint.
        meta: What it says of itself.
        model: The config's ``model``.

    Raises:
        ValueError: Naming what differs between the config and the one that the
            checkpoint keeps; a checkpoint that keeps none is believed.
    """
    theirs = model_in_text(meta.get("cfg"))
    if theirs is None:
        return
    found = next(differences(_kept(theirs), _kept(model), "model"), None)
    if found is not None:
        key, was, now = found
        raise ValueError(
            f"--resume: {path!r} is of another training: its {key} is {was}, the "
            f"config's {now}; go on with that one's options, give another --work-dir, "
            "or begin from its weights with load_from"
        )


def say_what_is_there(work_dir: str) -> None:
    """Say that a training begins in a folder that holds another one's checkpoints."""
    paths = list(_numbered(work_dir))
    if paths:
        _say(
            f"{work_dir!r} holds {len(paths)} checkpoints of an earlier training, up "
            f"to {os.path.basename(paths[0])}: this one begins anew and replaces those "
            "of its own names; --resume goes on with that one, another --work-dir "
            "keeps both"
        )


def _numbered(work_dir: str) -> Iterator[str]:
    """The checkpoints of a folder, highest number first."""
    names = os.listdir(work_dir) if os.path.isdir(work_dir) else []
    found = ((NUMBERED.fullmatch(name), name) for name in names)
    numbered = [(int(match[1]), name) for match, name in found if match]
    for _, name in sorted(numbered, reverse=True):
        yield os.path.join(work_dir, name)


def _pointed(work_dir: str) -> str | None:
    """The checkpoint of a folder that its pointer names, wherever the folder is now."""
    try:
        with open(os.path.join(work_dir, POINTER), encoding="utf-8") as file:
            name = os.path.basename(file.read(4096).strip())
    except (OSError, UnicodeDecodeError):
        return None
    path = os.path.join(work_dir, name)
    return path if NUMBERED.fullmatch(name) and os.path.isfile(path) else None


def _opened(path: str, trusted: bool) -> dict | str:
    """What a checkpoint says of itself, or why it does not open."""
    try:
        content = open_checkpoint(path, trusted=trusted)
        weights_in(content, f"checkpoint: {path!r}")
    except ValueError as error:
        return str(error)
    meta = content.get("meta") if isinstance(content, dict) else None
    return meta if isinstance(meta, dict) else {}


def _time(meta: object) -> str:
    """When a checkpoint was saved; '' if it does not say."""
    time = meta.get("time") if isinstance(meta, dict) else None
    return time if isinstance(time, str) else ""


def _kept(model: Mapping) -> dict:
    """A model's options as a record has them, without those that may change."""
    plain = json.loads(json.dumps(dict(model), default=str))
    if isinstance(plain.get("head"), str):
        del plain["head"]  # a path; the head itself is known by its fingerprint
    return {key: value for key, value in plain.items() if key not in FREE}


def differences(theirs: object, ours: object, key: str) -> Iterator[tuple]:
    """Where two configs differ: the dotted key, what stands there in each.

    Args:
        theirs: One, of JSON's types.
        ours: The other.
        key: Of both, in the whole config.
    """
    if isinstance(theirs, dict) and isinstance(ours, dict):
        for name in dict.fromkeys((*theirs, *ours)):
            yield from differences(theirs.get(name), ours.get(name), f"{key}.{name}")
    elif theirs != ours:
        yield key, theirs, ours


def _say(text: str) -> None:
    print_log(text, logger="current", level=30)
