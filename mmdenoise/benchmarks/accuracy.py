"""Benchmark denoisers: methods x data sets x noise levels, in the paper's tables."""

from __future__ import annotations

import hashlib
import os
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from torch import Tensor, nn

from mmdenoise.apis.denoising import denoise
from mmdenoise.apis.methods import Method
from mmdenoise.benchmarks.accuracy_report import write_report
from mmdenoise.benchmarks.score_log import ResultLog, Score, parts_of
from mmdenoise.datasets import CleanImageDataset
from mmdenoise.evaluation.content_digests import code_digest
from mmdenoise.evaluation.psnr_ssim import psnr, ssim
from mmdenoise.models.noise import GaussianNoise
from mmdenoise.models.noise_seeds import evaluation_generator
from mmdenoise.output_checks import check_writable
from mmdenoise.progress_line import ProgressLine, TimeLeft

__all__ = ["Benchmark", "benchmark", "clean_image"]

PIPELINE = (dict(type="mmdenoise.LoadImage"), dict(type="mmdenoise.PackImage"))
# What one method or one image can fail with while the others go on.
ERRORS = (ImportError, OSError, RuntimeError, ValueError)


class Benchmark(NamedTuple):
    """What a benchmark found.

    Attributes:
        scores: One for each method, level and image, in the order given.
        failures: A line for each method, and each image, that could not be had.
    """

    scores: list[Score]
    failures: list[str]


class _Candidate(NamedTuple):
    """A method at a level: its network and what its results are filed under."""

    method: str
    sigma: float
    digest: str
    denoiser: nn.Module


def benchmark(
    methods: Sequence[Method],
    data: Mapping[str, str],
    sigmas: Sequence[float],
    out_dir: str,
    seed: int = 0,
    first: int | None = None,
    device: str = "cpu",
) -> Benchmark:
    """Score every method on every image at every level, and write the report.

    Every method is given the same noisy image: float, not clipped, its noise drawn as
    a cascade's in evaluation. PSNR and SSIM are those of the denoised image clipped
    and rounded to 8 bits.

    Each result is kept in ``results.jsonl`` as it comes, under what it depends on: the
    method's weights, the image's pixels, the level, the seed, the code. A run that was
    killed goes on from there, and whatever changed is computed anew, and said. An image
    or a method that fails is named on the standard error, and the others go on. Tables
    of an earlier run that say something else are kept in a folder of ``earlier``.

    Args:
        methods: The columns of the tables.
        data: Folders of clean images by the names of the data sets. ``kodak24`` and
            ``cbsd68`` get the paper's values beside ours.
        sigmas: Noise levels in 8-bit units.
        out_dir: Folder for the results.
        seed: Seed of the noise.
        first: Take only so many images of each data set.
        device: Where to run the methods.

    Raises:
        FileNotFoundError: If a folder is missing or holds no image.
        RuntimeError: If not one result could be had.
        ValueError: If an option is out of range.
    """
    _check_given(methods, data, sigmas)
    noises = {sigma: GaussianNoise(sigma, seed=seed) for sigma in sigmas}
    sets = {
        name: CleanImageDataset(folder, PIPELINE, first=first, test_mode=True)
        for name, folder in data.items()
    }
    check_writable(out_dir)
    run = _Run(ResultLog(os.path.join(out_dir, "results.jsonl")), noises)
    run.load(methods, device, sum(map(len, sets.values())))
    try:
        for name, images in sets.items():
            for index in range(len(images)):
                run.score_image(name, images, index)
    finally:
        if run.found.scores:
            moved = write_report(run.found.scores, out_dir, seed)
            if moved is not None:
                run.line.say(f"the report of an earlier run is in {moved}")
    if not run.found.scores:
        raise RuntimeError(f"there is no result: {run.found.failures[0]}")
    return run.found


def _check_given(
    methods: Sequence[Method], data: Mapping[str, str], sigmas: Sequence[float]
) -> None:
    for what, given in (("method", methods), ("data set", data), ("sigma", sigmas)):
        if not given:
            raise ValueError(f"a benchmark needs a {what}")
    names = [method.name for method in methods]
    if len(set(names)) < len(names):
        raise ValueError(f"two methods have one name: {', '.join(names)}")


class _Run:
    """One benchmark under way.

    Args:
        log: What is known already.
        noises: The noise by its level.
    """

    def __init__(self, log: ResultLog, noises: Mapping[float, GaussianNoise]) -> None:
        self.log = log
        self.noises = noises
        self.line = ProgressLine("benchmark", sys.stderr)
        self.found = Benchmark([], [])
        self.code = code_digest()
        self.told: set[tuple[str, str]] = set()
        self.candidates: list[_Candidate] = []
        self.left = TimeLeft({})

    def load(self, methods: Sequence[Method], device: str, images: int) -> None:
        """Load every method for every level, so that what is wrong is said at once."""
        loaded: dict[tuple, nn.Module] = {}
        for sigma in self.noises:
            for method in methods:
                try:
                    digest = method.digest(sigma)
                    # One network for all levels is kept once.
                    kept = (digest, sigma if method.takes_sigma(sigma) else None)
                    if kept not in loaded:
                        loaded[kept] = method.load(sigma, device)
                except ERRORS as error:
                    self._fail(f"{method.name}, sigma {sigma:g}: {error}")
                    continue
                one = _Candidate(method.name, sigma, digest, loaded[kept])
                self.candidates.append(one)
        counts = Counter(one.method for one in self.candidates)
        self.left = TimeLeft({name: n * images for name, n in counts.items()})

    def score_image(self, data: str, images: CleanImageDataset, index: int) -> None:
        """Score all methods at all levels on one image."""
        path = images.get_data_info(index)["img_path"]
        file = os.path.relpath(path, images.data_root)
        try:
            raw, clean = clean_image(images, index)
        except ERRORS as error:
            self._fail(f"{data}: {error}")
            for one in self.candidates:
                self.left.step(one.method)
            return
        pixels = hashlib.sha256(raw.contiguous().numpy().tobytes()).hexdigest()
        image = f"{tuple(raw.shape)} {pixels}"

        @lru_cache(maxsize=1)
        def noisy(sigma: float) -> Tensor:
            noise = self.noises[sigma]
            return noise.add(clean, evaluation_generator(raw, noise.seed))

        for one in self.candidates:
            seed = self.noises[one.sigma].seed
            names = dict(method=one.method, data=data, image=file)
            names.update(sigma=one.sigma, seed=seed)
            parts = parts_of(one.digest, image, self.code)
            result = self.log.get(names, parts)
            seconds = None
            if result is None:
                self._say_why(names, parts)
                try:
                    result = _score(one.denoiser, noisy(one.sigma), clean)
                except ERRORS as error:
                    self._fail(
                        f"{data}/{file}, {one.method}, sigma {one.sigma:g}: {error}"
                    )
                    self.left.step(one.method)
                    continue
                seconds = result["seconds"]
                self.log.add(names, parts, **result)
            numbers = (result[name] for name in ("psnr", "ssim", "seconds", "pixels"))
            score = Score(data, file, one.method, one.sigma, *numbers)
            self.found.scores.append(score)
            self.left.step(one.method, seconds)
            text = f"{data}, sigma {one.sigma:g}, {one.method}"
            self.line.show(self.left.done, self.left.total, self.left.seconds(), text)

    def _say_why(self, names: dict, parts: dict) -> None:
        """Say once a method what changed since there was a result of these names."""
        changed = " and ".join(self.log.changes(names, parts))
        if changed and (names["method"], changed) not in self.told:
            self.told.add((names["method"], changed))
            self.line.say(f"{names['method']}: made anew, changed: {changed}")

    def _fail(self, text: str) -> None:
        text = " ".join(text.split())
        self.found.failures.append(text)
        self.line.say(f"failed: {text}")


def clean_image(images: CleanImageDataset, index: int) -> tuple[Tensor, Tensor]:
    """Read one image of a data set whose pipeline is :data:`PIPELINE`.

    Returns:
        (3, H, W) uint8 in the order in which files are decoded, BGR, of which the noise
        is drawn, and (3, H, W) float, RGB in [0, 1].

    Raises:
        FileNotFoundError, ValueError: If it is missing or no whole RGB image, by name.
    """
    raw = images[index]["inputs"]
    return raw, raw.flip(0).float() / 255


def _score(denoiser: nn.Module, noisy: Tensor, clean: Tensor) -> dict[str, float]:
    start = time.perf_counter()
    # It returns on the CPU, so no work of a GPU is pending.
    denoised = denoise(denoiser, noisy)
    seconds = time.perf_counter() - start
    return dict(
        psnr=psnr(denoised, clean),
        ssim=ssim(denoised, clean),
        seconds=seconds,
        pixels=clean[0].numel(),
    )
