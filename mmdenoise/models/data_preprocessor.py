"""The clean image out of the head's own preprocessor, and the noise into it.

Shapes, for a batch of N images of true sizes (h_i, w_i)::

    raw     N x (3, h_i, w_i)   what the pipeline packed; 8-bit values
    frame   (N, 3, Hb, Wb)      what the head's preprocessor made of it: normalised,
                                padded to the right and the bottom, perhaps mixed
    clean   (N, 3, H, W)        RGB in [0, 1]; H and W are the largest h_i and w_i
    inputs  (N, 3, H, W)        clean plus noise
    sigma   (N, 1, 1, 1)        the noise's level in 8-bit units, or a map (N, 1, H, W)
"""

import copy
from collections.abc import Sequence
from typing import Optional, Union

import torch
from mmengine.logging import print_log
from mmengine.model import BaseDataPreprocessor
from torch import Tensor

from .batch_checks import (
    checked_levels,
    checked_size,
    names_of,
    refuse_out_of_range,
    refuse_smaller,
    refuse_unknown_mixing,
    refuse_wrongly_undone,
)
from .canvas import Canvas
from .head_input import HeadInput
from .label_check import LabelCheck
from .noise import NoiseModel
from .noise_seeds import TrainingSeeds, evaluation_generator

__all__ = ["CascadeDataPreprocessor"]


class CascadeDataPreprocessor(BaseDataPreprocessor):
    """Wrap a head's built preprocessor, and simulate noise where the config says so.

    Args:
        head_input: The map between images in [0, 1] and the output of the head's own
            preprocessor, already built, which is called as it is.
        noise: The noise model, or None where the images are noisy already.
        check_labels: Looks at the labels of each batch; None passes all.
    """

    def __init__(
        self,
        head_input: HeadInput,
        noise: Optional[NoiseModel] = None,
        check_labels: Optional[LabelCheck] = None,
    ) -> None:
        super().__init__()
        self.check_labels = check_labels
        self.head_preprocessor = head_input.preprocessor
        self.head_input = head_input
        self.noise = noise
        self._training_seeds = TrainingSeeds()
        self._told = False
        self._checked: set[bool] = set()
        self._seen_sizes: dict[str, tuple[int, int]] = {}

    def train(self, mode: bool = True) -> "CascadeDataPreprocessor":
        """Switch mode; a loop that begins has seen no view of an image yet."""
        self._seen_sizes = {}
        return super().train(mode)

    def forward(self, data: dict, training: bool = False) -> dict:
        """Prepare a batch for :meth:`Cascade.forward`.

        Args:
            data: ``inputs``, N images or a stacked batch of them as the pipeline packs
                them; ``data_samples``; with ``noise=None`` optionally ``clean``, the
                clean versions of ``inputs`` in the same form, and ``sigma``, their N
                levels in 8-bit units.
            training: Fresh noise if True, an image's own fixed noise if False.

        Returns:
            ``inputs``, ``data_samples``, ``clean``, ``sigma`` and ``canvas``: see the
            legend. The level is None where nothing tells it.

        Raises:
            ValueError: If an image is not one of 3 channels with 8-bit values, if the
                head's preprocessor makes it smaller, or if simulated noise meets views
                of one image in several sizes.
        """
        raw = data["inputs"]
        names = names_of(data)
        if self.check_labels is not None:
            self.check_labels(raw, data.get("data_samples") or (), training)
        sizes = [checked_size(image, name) for image, name in zip(raw, names)]
        flips = [_flip_of(sample) for sample in data.get("data_samples") or ()]
        flips = flips or [()] * len(sizes)
        keys = None if training else [_unflip(i, f) for i, f in zip(raw, flips)]
        sigma = self._given_level(data.get("sigma"), len(sizes))
        paired = data.get("clean")
        rest = {k: v for k, v in data.items() if k not in ("clean", "sigma")}
        if paired is not None:
            paired = self._paired_images(paired, rest, sizes, names, training)

        batch = self.head_preprocessor(rest, training)
        canvas = Canvas(sizes, _frame_of(batch))
        images = self._images_of(canvas, names)
        self._check_undoing(raw, canvas.crop(images), names, training)

        clean, inputs = paired, images
        if self.noise is not None:
            clean = images
            if training:
                inputs, sigma = self._training_noise(images, canvas)
            else:
                self._tell_once()
                self._refuse_rescaled_views(data.get("data_samples") or (), sizes)
                inputs, sigma = self._evaluation_noise(canvas.crop(images), flips, keys)
        return dict(
            inputs=inputs,
            data_samples=batch.get("data_samples"),
            clean=clean,
            sigma=None if sigma is None else sigma.to(images),
            canvas=canvas,
        )

    def _training_noise(
        self, images: Tensor, canvas: Canvas
    ) -> tuple[Tensor, Optional[Tensor]]:
        # A batch at once: drawn one by one, images would cost a GPU more time than the
        # denoiser does.
        generator = self._training_seeds.generator(images.device)
        noisy, sigma = self.noise.add_and_tell(images, generator)
        if sigma is not None and sigma.shape[-2:] != (1, 1):
            sigma = canvas.cut(sigma)
        return canvas.cut(noisy), sigma

    def _evaluation_noise(
        self, images: list[Tensor], flips: list[tuple], keys: list[Tensor]
    ) -> tuple[Tensor, Optional[Tensor]]:
        """Draw each image's own noise in the frame of the unflipped image."""
        noisy, levels = [], []
        for image, flip, key in zip(images, flips, keys):
            generator = evaluation_generator(key, self.noise.seed)
            found, level = self.noise.add_and_tell(_unflip(image, flip), generator)
            noisy.append(_unflip(found, flip))
            levels.append(level)
        if any(level is None for level in levels):
            return Canvas.stack(noisy), None
        if any(level.shape[-2:] != (1, 1) for level in levels):
            levels = [
                _unflip(level.expand_as(_unflip(image, flip)[:1]), flip)
                for level, image, flip in zip(levels, images, flips)
            ]
        return Canvas.stack(noisy), Canvas.stack(levels)

    def _given_level(self, levels: Optional[Sequence], count: int) -> Optional[Tensor]:
        if levels is not None and self.noise is not None:
            raise ValueError(
                f"the batch brings a 'sigma' of its own, yet noise={self.noise!r} "
                "would be added to its inputs: set noise=None for noisy images"
            )
        return None if levels is None else checked_levels(levels, count)

    def _images_of(self, canvas: Canvas, names: list) -> Tensor:
        """Undo the head's preprocessing: (N, 3, H, W), RGB in [0, 1]."""
        refuse_smaller(canvas, names)
        images = canvas.cut(self.head_input.to_image(canvas.frame))
        refuse_out_of_range(images, names)
        return images

    def _check_undoing(
        self, raw: Sequence[Tensor], images: list[Tensor], names: list, training: bool
    ) -> None:
        """Compare what was undone with what the pipeline gave, on the first batch.

        Raises:
            ValueError: If the head's preprocessor does more than it is known to do.
        """
        if training in self._checked:
            return
        kind = type(self.head_preprocessor).__name__
        augments = getattr(self.head_preprocessor, "batch_augments", None)
        if training and augments is not None:
            refuse_unknown_mixing(augments, kind)
            # Mixing is linear, as normalising is: what is mixed is undone alike. The
            # rest is looked at in evaluation, where nothing is mixed.
            batch = self.head_preprocessor(dict(inputs=[raw[0]]), False)
            canvas = Canvas([raw[0].shape[-2:]], _frame_of(batch))
            images = canvas.crop(self._images_of(canvas, names[:1]))
        refuse_wrongly_undone(images, raw, names, kind)
        # Flat images would hide a scaling of their size.
        if any(image.amax() > image.amin() for image in images):
            self._checked.add(training)

    def _paired_images(
        self,
        paired: Union[Tensor, list],
        rest: dict,
        sizes: list,
        names: list,
        training: bool,
    ) -> Tensor:
        """Put given clean images through the head's preprocessor too."""
        if self.noise is not None:
            raise ValueError(
                f"the batch brings clean images of its own, yet noise={self.noise!r} "
                "would be added to its inputs: set noise=None for pairs"
            )
        if training and getattr(self.head_preprocessor, "batch_augments", None):
            raise ValueError(
                "the head's batch augmentations would mix noisy and clean images "
                "differently: switch them off for noisy/clean pairs"
            )
        names = [f"the clean image of {name}" for name in names]
        if [checked_size(image, name) for image, name in zip(paired, names)] != sizes:
            raise ValueError("a clean image differs in size from its noisy one")
        # Preprocessors write to the samples (padded masks), so each pass has its own.
        samples = rest.get("data_samples")
        if samples is not None:
            samples = copy.deepcopy(samples)
        batch = self.head_preprocessor(
            dict(rest, inputs=paired, data_samples=samples), training
        )
        canvas = Canvas(sizes, _frame_of(batch))
        images = self._images_of(canvas, names)
        self._check_undoing(paired, canvas.crop(images), names, training)
        return images

    def look_at_views(self, data: dict) -> None:
        """Look at a batch whose images are to come in several calls.

        Raises:
            ValueError: If simulated noise meets views of one image in several sizes.
        """
        if self.noise is not None:
            sizes = [tuple(image.shape[-2:]) for image in data["inputs"]]
            self._refuse_rescaled_views(data.get("data_samples") or (), sizes)

    def _refuse_rescaled_views(self, samples: Sequence, sizes: list) -> None:
        """Refuse an image that comes twice in a row, at two sizes.

        Test-time augmentation hands the views of an image over one after the other.
        Flipped ones can share one noise; at another scale it would be another picture,
        and the views would average the simulated noise away.
        """
        paths = [getattr(sample, "metainfo", {}).get("img_path") for sample in samples]
        sizes_now = {path: size for path, size in zip(paths, sizes) if path}
        for path, size in sizes_now.items():
            before = self._seen_sizes.get(path, size)
            if before != size:
                raise ValueError(
                    f"{path!r} comes as a view of {size[0]}x{size[1]} after one of "
                    f"{before[0]}x{before[1]}: with simulated noise, test-time "
                    "augmentation may flip but not rescale; or set noise=None"
                )
        if not sizes_now.keys() <= self._seen_sizes.keys():
            self._seen_sizes = sizes_now

    def _tell_once(self) -> None:
        if not self._told:
            self._told = True
            print_log(
                f"simulated noise: {self.noise!r} is added to every image; for images "
                "that are noisy already set noise=None",
                logger="current",
            )


def _frame_of(batch: dict) -> Tensor:
    """Head input (N, 3, Hb, Wb), also where a preprocessor neither stacks nor casts."""
    frame = batch["inputs"]
    if not isinstance(frame, Tensor):
        frame = torch.stack(list(frame))
    return frame if frame.is_floating_point() else frame.float()


def _flip_of(sample: object) -> tuple:
    """Axes along which a pipeline has flipped an image."""
    info: dict = getattr(sample, "metainfo", {})
    if not info.get("flip"):
        return ()
    axes = dict(horizontal=(-1,), vertical=(-2,), diagonal=(-1, -2))
    return axes[info.get("flip_direction") or "horizontal"]


def _unflip(image: Tensor, axes: tuple) -> Tensor:
    return image.flip(axes) if axes else image
