"""A user's own noisy images: denoised, and what the head then sees."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence

import torch
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmengine.structures import BaseDataElement

from mmdenoise.apis.denoiser_precision import precision_in, with_precision
from mmdenoise.apis.file_plan import Plan, plan_files
from mmdenoise.apis.load_cascade import check_cascade, load_cascade
from mmdenoise.apis.measured_level import AUTO, auto_level
from mmdenoise.apis.prediction_files import KINDS, write_prediction
from mmdenoise.apis.test_set_info import image_pipeline, info_of_test_set
from mmdenoise.models import IdentityDenoiser
from mmdenoise.output_checks import check_writable, refuse_existing
from mmdenoise.precision import precision_for

__all__ = ["Predictor", "predict_files", "predict_image"]

# What reading, denoising or writing of one image may raise; others go on.
ERRORS = (OSError, RuntimeError, TypeError, ValueError, MemoryError)


class Predictor:
    """A cascade for images that are noisy already; no noise is added.

    Args:
        cfg: Config of a cascade, with its test pipeline.
        checkpoint: A cascade's checkpoint, or whatever
            :func:`mmdenoise.apis.load_denoiser` takes; None takes the config's
            ``denoiser_checkpoint``.
        device: Where to run.
        sigma: Level of the noise in 8-bit units, for a denoiser that takes one;
            ``'auto'`` measures it as the network sees the image, and leaves alone what
            is clean or has other noise than white.
        precision: What the denoiser computes in: ``'float32'``, ``'bfloat16'``, or
            ``'auto'``: what the config says, or else bfloat16 where the device has
            instructions for it.

    Attributes:
        said: What was measured of the last image, with ``'auto'``.
        precision: The one that is used.

    Raises:
        FileNotFoundError, RuntimeError, ValueError: If the config is no cascade's, or
            a checkpoint is missing, corrupt or does not fit, by name; if a level is
            missing, or not taken.
    """

    def __init__(
        self,
        cfg: Config,
        checkpoint: str | None = None,
        device: str = "cpu",
        sigma: float | str | None = None,
        precision: str = "float32",
    ) -> None:
        self.said = ""
        self._auto = sigma == AUTO
        if self._auto:
            sigma = None
        check_cascade(cfg)
        cfg = with_precision(cfg, precision, auto="auto", device=device)
        self.model = load_cascade(cfg, checkpoint, device, sigma, noise=None)
        self.precision = precision_for(self.model.denoiser, precision_in(cfg))
        self._pipeline = Compose(image_pipeline(cfg))
        self.sigma = sigma
        self._check_level()

    def _check_level(self) -> None:
        denoiser = self.model.denoiser
        takes = getattr(denoiser, "takes_sigma", False)
        name = type(denoiser).__name__
        if self.sigma is not None and not takes:
            raise ValueError(
                f"--sigma: {name} takes no level, it has its own from its training"
            )
        untold = self.sigma is None and not self._auto
        if takes and untold and denoiser.sigma is None:
            raise ValueError(f"{name} needs the level of the noise: give --sigma")

    def __call__(self, image: str) -> BaseDataElement:
        """Run an image's file through the cascade.

        Returns:
            The head's prediction, with ``noisy`` and ``denoised`` (3, H, W) beside it.

        Raises:
            FileNotFoundError, ValueError: If the image is missing or not whole.
        """
        if not os.path.isfile(image):
            raise FileNotFoundError(f"there is no image {image!r}")
        batch = pseudo_collate([self._pipeline(dict(img_path=image))])
        denoiser, sigma = self.model.denoiser, self.sigma
        if self._auto:
            pixels = batch["inputs"][0].permute(1, 2, 0).cpu().numpy()
            sigma, self.said = auto_level(pixels.astype("float32") / 255)
            if sigma is None:
                self.model.denoiser = IdentityDenoiser()
            elif not getattr(denoiser, "takes_sigma", False):
                sigma = None
        if sigma is not None:
            batch["sigma"] = [sigma]
        try:
            with torch.no_grad():
                return self.model.test_step(batch)[0]
        finally:
            self.model.denoiser = denoiser


def predict_image(
    cfg: Config,
    checkpoint: str | None,
    image: str,
    device: str = "cpu",
    sigma: float | str | None = None,
    precision: str = "float32",
) -> BaseDataElement:
    """Run a cascade on one image; arguments and errors as of :class:`Predictor`."""
    if not os.path.isfile(image):
        raise FileNotFoundError(f"there is no image {image!r}")
    return Predictor(cfg, checkpoint, device, sigma, precision)(image)


def predict_files(
    cfg: Config,
    checkpoint: str | None,
    sources: Sequence[str],
    out_dir: str,
    device: str = "cpu",
    sigma: float | str | None = None,
    overwrite: bool = False,
    say: Callable[[str], None] = print,
    precision: str = "auto",
) -> dict[str, str]:
    """Run a cascade on files, folders and patterns, and write what it sees.

    What is wrong with one of several is said in a line, and the others go on.

    Args:
        cfg: This, ``checkpoint``, ``device``, ``sigma`` and ``precision`` are as of
            :class:`Predictor`.
        checkpoint: See there.
        sources: Files, folders, or patterns.
        out_dir: Folder for the results, which lie there as the images lie below their
            folder; :func:`mmdenoise.apis.prediction_files.write_prediction` says which.
        device: See there.
        sigma: See there.
        overwrite: Replace results that are there already.
        say: Called with the precision, and with a line for each image.
        precision: See there.

    Returns:
        What was wrong, by the image's path.

    Raises:
        FileExistsError: If there are results, and ``overwrite`` is False.
        FileNotFoundError, RuntimeError, ValueError: As :class:`Predictor`; if two
            images' results would have one name.
    """
    plan = plan_files(sources, os.path.join(out_dir, ""))
    stems = _stems(plan)
    targets = [stem + kind for stem in stems.values() for kind in KINDS]
    refuse_existing(targets, overwrite)
    check_writable(out_dir)
    for path in plan.skipped:
        print(f"passed over, no image: {path}", file=sys.stderr)
    predictor = Predictor(cfg, checkpoint, device, sigma, precision)
    say(f"denoising in {predictor.precision}")
    info = info_of_test_set(cfg)
    failed = {}
    for path, stem in stems.items():
        try:
            seen = write_prediction(predictor(path), stem, info)
            if predictor.said:
                say(f"{path}: {predictor.said}")
        except ERRORS as error:
            if len(stems) == 1:
                raise
            failed[path] = _reason(error, path)
            print(f"error: {failed[path]}", file=sys.stderr)
        else:
            say(f"{path}: {seen}")
    return failed


def _reason(error: BaseException, path: str) -> str:
    """What was wrong with an image, in one line that names it."""
    reason = " ".join(str(error).split()) or type(error).__name__
    return reason if repr(path) in reason else f"{path!r}: {reason}"


def _stems(plan: Plan) -> dict[str, str]:
    """Where the results of each image go, up to what they are."""
    found: dict[str, str] = {}
    taken: dict[str, str] = {}
    for path, target in plan.pairs:
        stem = os.path.splitext(target)[0]
        if stem in taken:
            raise ValueError(
                f"{taken[stem]!r} and {path!r} would both be written to {stem}_*"
            )
        taken[stem] = path
        found[path] = stem
    return found
