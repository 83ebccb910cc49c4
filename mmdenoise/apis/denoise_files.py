"""Denoise files, one after the other, and say what is wrong with which."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from torch import nn

from mmdenoise.atomic_files import atomic_path
from mmdenoise.data_digest import file_digest
from mmdenoise.evaluation.content_digests import code_digest, text_digest
from mmdenoise.images import (
    OTHER,
    Picture,
    lost_metadata,
    read_image,
    refuse_ending,
    refuse_unfit,
    white_of,
    write_image,
)
from mmdenoise.output_checks import check_writable, refuse_existing
from mmdenoise.weights.fingerprint import fingerprint

from .denoising import denoise, precision_of
from .file_plan import Plan
from .file_progress import FileProgress
from .finished_files import FinishedFiles
from .measured_level import AUTO, auto_level
from .noise_report import floats_of

__all__ = ["Options", "Outcome", "check_outputs", "denoise_files"]

# What reading, denoising or writing of one image may raise; others go on.
ERRORS = (OSError, RuntimeError, TypeError, ValueError, MemoryError)


@dataclass(frozen=True)
class Options:
    """How files are denoised: :func:`mmdenoise.apis.denoise` says what each is.

    Attributes:
        tile: Side of a tile in pixels.
        sigma: Level of the noise in 8-bit units; ``'auto'`` measures each image's, says
            it, and leaves alone what is clean or has other noise than white.
        white_level: The value of white; None finds it.
        precision: ``'auto'``, ``'float32'`` or ``'bfloat16'``.
    """

    tile: int | None = None
    sigma: float | str | None = None
    white_level: float | None = None
    precision: str = "auto"


@dataclass
class Outcome:
    """What became of some files.

    Attributes:
        written: Paths of the images that were denoised.
        unchanged: Paths of those that ``sigma='auto'`` left as they were.
        finished: Paths of those that were there, made of the same things.
        failed: What was wrong with the others, by their paths.
        precisions: How many were denoised in each precision.
    """

    written: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    finished: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    precisions: Counter = field(default_factory=Counter)

    def summary(self, total: int) -> str:
        """Say in a line what became of ``total`` images."""
        how = " and ".join(
            name if len(self.precisions) == 1 else f"{count} in {name}"
            for name, count in sorted(self.precisions.items())
        )
        text = f"denoised {len(self.written)} of {total} images"
        text += (
            f" (in {how})" if len(self.precisions) == 1 else f" ({how})" if how else ""
        )
        if self.unchanged:
            text += f"; {len(self.unchanged)} came back unchanged"
        if self.finished:
            text += f"; {len(self.finished)} were done before"
        if self.failed:
            text += f"; {len(self.failed)} failed, as said above"
        return text


def check_outputs(plan: Plan, overwrite: bool = False, resume: bool = False) -> None:
    """Try whether the files of a plan may be written, before any work.

    Args:
        plan: What is read and written.
        overwrite: Existing files may be replaced.
        resume: Those that an earlier run of this command made may be kept or replaced.

    Raises:
        OSError: If a file exists, is a folder, or a folder cannot be written.
        ValueError: If an image cannot be written to a file of that ending.
    """
    targets = plan.targets
    if resume and plan.folder is not None:
        record = FinishedFiles(plan.folder)
        targets = [target for target in targets if not record.made(target)]
    refuse_existing(targets, overwrite)
    if plan.folder is None:  # else each has the ending of what was read
        for target in targets:
            refuse_ending(target)
    for folder in sorted({os.path.dirname(target) for target in plan.targets}):
        check_writable(folder)


def denoise_files(
    denoiser: nn.Module, plan: Plan, options: Options = Options(), resume: bool = False
) -> Outcome:
    """Denoise files, one after the other; what is wrong with one is said, in a line.

    Shows progress on the standard error. Files are replaced: :func:`check_outputs`
    asks before.

    Args:
        denoiser: As of :func:`mmdenoise.apis.denoise`.
        plan: What is read and written: :func:`mmdenoise.apis.file_plan.plan_files`.
        options: How.
        resume: Keep the files that an earlier run made of the same images with the same
            denoiser and options.
    """
    progress = FileProgress(path for path, _ in plan.pairs)
    record = None if plan.folder is None else FinishedFiles(plan.folder)
    means = _digest(denoiser, options) if record is not None else ""
    outcome = Outcome()
    if plan.skipped:
        progress.say(_skipped(plan.skipped))
    for path, target in plan.pairs:
        try:
            key = "" if record is None else text_digest(file_digest(path), means)
            if resume and record is not None and record.is_finished(target, key):
                outcome.finished.append(target)
            else:
                picture = read_image(path)
                before = picture.pixels
                for line in _denoise_picture(
                    denoiser, target, picture, options, progress
                ):
                    progress.say(f"{path!r}: {line}")
                noted = None if record is None else partial(record.add, target, key)
                if picture.pixels is before:
                    _keep(path, target, picture, noted)
                    outcome.unchanged.append(target)
                else:
                    write_image(target, picture, noted)
                    ran = precision_of(denoiser, before.dtype, options.precision)
                    outcome.precisions[ran] += 1
                    outcome.written.append(target)
        except ERRORS as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            if repr(path) not in reason and repr(target) not in reason:
                reason = f"{path!r}: {reason}"
            outcome.failed[path] = reason
            progress.say(f"error: {reason}")
        progress.finish(path)
    return outcome


def _denoise_picture(
    denoiser: nn.Module,
    target: str,
    picture: Picture,
    options: Options,
    progress: FileProgress,
) -> list[str]:
    """Denoise the colours of a picture; other samples stay.

    An image that ``sigma='auto'`` leaves alone keeps its very array.

    Returns:
        Lines on what is not plain.
    """
    refuse_unfit(target, picture)
    white, note = white_of(picture, options.white_level)
    lost = lost_metadata(target, picture)
    lines = [note] if note else []
    if OTHER in picture.extras:
        lines.append("samples that are neither colour nor alpha stay as they are")
    if lost:
        lines.append(f"not in {target!r}: {', '.join(lost)}")
    sigma = options.sigma
    if sigma == AUTO:
        measured = auto_level(floats_of(picture, white))
        lines.append(measured.line)
        if measured.sigma is None:
            return lines
        sigma = measured.sigma if getattr(denoiser, "takes_sigma", False) else None
    pixels = picture.pixels
    used = (
        pixels
        if pixels.ndim == 2
        else pixels[..., : picture.colours + picture.has_alpha]
    )
    denoised = denoise(
        denoiser,
        used,
        options.tile,
        progress.show,
        sigma,
        white,
        options.precision,
    )
    if denoised.shape == pixels.shape:
        picture.pixels = denoised
    else:
        picture.pixels = np.concatenate(
            [denoised, pixels[..., denoised.shape[2] :]], axis=2
        )
    return lines


def _keep(
    path: str, target: str, picture: Picture, noted: Callable[[str], None] | None
) -> None:
    """Write an image as it was: the file itself, unless the format changes.

    Compressed once more, a JPEG would lose something.
    """
    endings = [os.path.splitext(name)[1].lower() for name in (path, target)]
    if endings[0] != endings[1]:
        write_image(target, picture, noted)
        return
    with atomic_path(target) as temporary:
        shutil.copyfile(path, temporary)
        if noted is not None:
            noted(temporary)


def _digest(denoiser: nn.Module, options: Options) -> str:
    weights = bytes(fingerprint(denoiser.state_dict()).tolist()).hex()
    level = repr(getattr(denoiser, "sigma", None))
    return text_digest(repr(denoiser), weights, level, repr(options), code_digest())


def _skipped(paths: list[str], limit: int = 3) -> str:
    more = f" and {len(paths) - limit} more" if len(paths) > limit else ""
    names = ", ".join(repr(path) for path in paths[:limit])
    return f"skipped, as no images: {names}{more}"
