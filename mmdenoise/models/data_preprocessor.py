"""The clean image out of the head's own preprocessor, and the noise into it.

Shapes, for a batch of N images of true sizes (h_i, w_i)::

    raw     N x (3, h_i, w_i)   what the pipeline packed; 8-bit values
    frame   (N, 3, Hb, Wb)      what the head's preprocessor made of it: normalised,
                                padded to the right and the bottom, perhaps mixed
    clean   (N, 3, H, W)        RGB in [0, 1]; H and W are the largest h_i and w_i
    inputs  (N, 3, H, W)        clean plus noise
    sigma   (N, 1, 1, 1)        the noise's level in 8-bit units, or a map (N, 1, H, W)
"""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple, Optional, Union

import torch
from mmengine.dist import get_rank
from mmengine.logging import MessageHub, print_log
from mmengine.model import BaseDataPreprocessor
from torch import Generator, Tensor, nn

from mmdenoise.models.image_padding import pad_to

from .denoisers.base import checked_sigma
from .frozen_head import HeadInput
from .label_check import LabelCheck
from .noise import NoiseModel

__all__ = ["Canvas", "CascadeDataPreprocessor", "area_of", "crop_to_areas"]

TOLERANCE = 1e-3  # of [0, 1]: normalising and undoing it in float32 errs by 1e-7


class Canvas(NamedTuple):
    """The head's batch, and where in it the images lie.

    Attributes:
        frame: (N, 3, Hb, Wb), the output of the head's preprocessor. What surrounds
            the images is the head's own padding.
        sizes: (h_i, w_i) of each image, at the upper left.
    """

    frame: Tensor
    sizes: list[tuple[int, int]]

    def place(self, inputs: Tensor) -> Tensor:
        """Put (N, 3, H, W) head inputs in the images' place, padding left as it is."""
        placed = self.frame.to(inputs.dtype).clone()
        for index, (height, width) in enumerate(self.sizes):
            placed[index, :, :height, :width] = inputs[index, :, :height, :width]
        return placed


def area_of(
    sizes: Sequence[tuple[int, int]], height: int, width: int, device: torch.device
) -> Optional[Tensor]:
    """Mask of the images in a batch: (N, 1, ``height``, ``width``) booleans.

    None where the images fill the batch.
    """
    if all(size == (height, width) for size in sizes):
        return None
    heights, widths = torch.tensor(sizes, device=device).T.view(2, -1, 1, 1, 1)
    rows = torch.arange(height, device=device).view(1, 1, -1, 1)
    columns = torch.arange(width, device=device).view(1, 1, 1, -1)
    return (rows < heights) & (columns < widths)


def crop_to_areas(batch: Tensor, sizes: Sequence[tuple[int, int]]) -> list[Tensor]:
    """Cut the N images of true size (3, h_i, w_i) out of a batch."""
    return [image[:, :h, :w] for image, (h, w) in zip(batch, sizes)]


class CascadeDataPreprocessor(BaseDataPreprocessor):
    """Wrap a head's built preprocessor, and simulate noise where the config says so.

    Args:
        head_preprocessor: The head's own, already built.
        head_input: The map between its output and images in [0, 1].
        noise: The noise model, or None where the images are noisy already.
        check_labels: Looks at the labels of each batch; None passes all.
    """

    def __init__(
        self,
        head_preprocessor: nn.Module,
        head_input: HeadInput,
        noise: Optional[NoiseModel] = None,
        check_labels: Optional[LabelCheck] = None,
    ) -> None:
        super().__init__()
        self.check_labels = check_labels
        self.head_preprocessor = head_preprocessor
        self.head_input = head_input
        self.noise = noise
        self._iteration: Optional[int] = None
        self._repeats = 0
        self._told = False
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
        names = _names(data)
        if self.check_labels is not None:
            self.check_labels(raw, data.get("data_samples") or (), training)
        sizes = [_checked_size(image, name) for image, name in zip(raw, names)]
        flips = [_flip_of(sample) for sample in data.get("data_samples") or ()]
        flips = flips or [()] * len(sizes)
        keys = None if training else [_unflip(i, f) for i, f in zip(raw, flips)]
        paired = data.get("clean")
        sigma = self._given_level(data.get("sigma"), len(sizes))
        rest = {k: v for k, v in data.items() if k not in ("clean", "sigma")}
        if paired is not None:
            paired = self._paired_images(paired, rest, sizes, names, training)

        batch = self.head_preprocessor(rest, training)
        frame = _frame_of(batch)
        images = self._images_of(frame, sizes, names)
        sigma = None if sigma is None else sigma.to(frame)

        clean, inputs = paired, images
        if self.noise is not None:
            clean = images
            if training:
                # A batch at once: drawn one by one, images would cost a GPU more time
                # than the denoiser does.
                generator = self._training_generator(frame.device)
                inputs, sigma = self.noise.add_and_tell(images, generator)
                inputs = _cut(inputs, sizes)
                if sigma is not None and sigma.shape[-2:] != (1, 1):
                    sigma = _cut(sigma, sizes)
            else:
                self._tell_once()
                self._refuse_rescaled_views(data.get("data_samples") or (), sizes)
                generators = [
                    evaluation_generator(key, self.noise.seed) for key in keys
                ]
                inputs, sigma = self._noisy_views(
                    crop_to_areas(images, sizes), flips, generators
                )
        return dict(
            inputs=inputs,
            data_samples=batch.get("data_samples"),
            clean=clean,
            sigma=sigma,
            canvas=Canvas(frame, sizes),
        )

    def _noisy_views(
        self, images: list[Tensor], flips: list[tuple], generators: list[Generator]
    ) -> tuple[Tensor, Optional[Tensor]]:
        """Draw each image's own noise in the frame of the unflipped image."""
        noisy, levels = [], []
        for image, flip, generator in zip(images, flips, generators):
            found, level = self.noise.add_and_tell(_unflip(image, flip), generator)
            noisy.append(_unflip(found, flip))
            levels.append(level)
        if levels[0] is None:
            return _stack(noisy), None
        if any(level.shape[-2:] != (1, 1) for level in levels):
            levels = [
                _unflip(level.expand_as(_unflip(image, flip)[:1]), flip)
                for level, image, flip in zip(levels, images, flips)
            ]
        return _stack(noisy), _stack(levels)

    def _given_level(self, levels: Optional[Sequence], count: int) -> Optional[Tensor]:
        """Check the levels that a batch brings: (N, 1, 1, 1)."""
        if levels is None:
            return None
        if self.noise is not None:
            raise ValueError(
                f"the batch brings a 'sigma' of its own, yet noise={self.noise!r} "
                "would be added to its inputs: set noise=None for noisy images"
            )
        if isinstance(levels, Tensor):
            levels = levels.tolist()
        if len(levels) != count:
            raise ValueError(
                f"the batch brings {len(levels)} levels under 'sigma' for {count} "
                "images: one each"
            )
        return torch.tensor([checked_sigma(one) for one in levels]).view(-1, 1, 1, 1)

    def _images_of(self, frame: Tensor, sizes: list, names: list) -> Tensor:
        """Undo the head's preprocessing: (N, 3, H, W), RGB in [0, 1]."""
        height, width = frame.shape[-2:]
        for (h, w), name in zip(sizes, names):
            if h > height or w > width:
                raise ValueError(
                    f"the head's preprocessor made {height}x{width} of {name} of "
                    f"{h}x{w}: it may pad to the right and the bottom, not cut or scale"
                )
        images = _cut(self.head_input.to_image(frame), sizes)
        low, high = images.flatten(1).aminmax(dim=1)
        # Written so that NaN fails as well.
        fits = (low >= -TOLERANCE) & (high <= 1 + TOLERANCE)
        if not fits.all():
            first = int(fits.int().argmin())
            raise ValueError(
                f"{names[first]} reaches from {low[first]:.4g} to {high[first]:.4g} "
                "instead of [0, 1]: the pipeline already normalises, or scales its "
                "pixels, or the file holds more than 8 bits a value; load 8-bit values "
                "and leave the rest to the head's data_preprocessor"
            )
        return images

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
        if [_checked_size(image, name) for image, name in zip(paired, names)] != sizes:
            raise ValueError("a clean image differs in size from its noisy one")
        # Preprocessors write to the samples (padded masks), so each pass has its own.
        samples = rest.get("data_samples")
        if samples is not None:
            samples = [sample.clone() for sample in samples]
        batch = self.head_preprocessor(
            dict(rest, inputs=paired, data_samples=samples), training
        )
        return self._images_of(_frame_of(batch), sizes, names)

    def _training_generator(self, device: torch.device) -> Generator:
        """Generator of a training batch, seeded by (seed, rank, iteration).

        Under a Runner the message hub knows seed and iteration, which resuming
        restores. A bare loop does not move it: the repeats keep its noise fresh.
        """
        hub = MessageHub.get_current_instance()
        iteration = hub.get_info("iter", 0)
        self._repeats = self._repeats + 1 if iteration == self._iteration else 0
        self._iteration = iteration
        key = (hub.get_info("seed", 0), get_rank(), iteration, self._repeats)
        return Generator(device).manual_seed(_seed_of(repr(key).encode()))

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
        self._seen_sizes = sizes_now

    def _tell_once(self) -> None:
        if not self._told:
            self._told = True
            print_log(
                f"simulated noise: {self.noise!r} is added to every image; for images "
                "that are noisy already set noise=None",
                logger="current",
            )


def evaluation_generator(raw: Tensor, seed: int) -> Generator:
    """CPU generator of an image's own noise.

    It depends on the noise seed and the raw pixels, and so neither on the batch, the
    worker, the rank, the device nor the folder the image lies in.
    """
    raw = raw.cpu().contiguous()
    digest = hashlib.sha256(f"{seed} {raw.dtype} {tuple(raw.shape)} ".encode())
    digest.update(raw.reshape(-1).view(torch.uint8).numpy())
    return Generator().manual_seed(_seed_of(digest.digest()))


def _seed_of(data: bytes) -> int:
    return int.from_bytes(hashlib.sha256(data).digest()[:8], "little") >> 1


def _frame_of(batch: dict) -> Tensor:
    """Head input (N, 3, Hb, Wb), also where a preprocessor neither stacks nor casts."""
    frame = batch["inputs"]
    if not isinstance(frame, Tensor):
        frame = torch.stack(list(frame))
    return frame if frame.is_floating_point() else frame.float()


def _names(data: dict) -> list[str]:
    """Call each image of a batch by its path, where its sample knows one."""
    samples = data.get("data_samples") or [None] * len(data["inputs"])
    paths = [getattr(sample, "metainfo", {}).get("img_path") for sample in samples]
    return [repr(path) if path else "an image" for path in paths]


def _checked_size(image: Tensor, name: str) -> tuple[int, int]:
    if image.dim() != 3 or image.shape[0] != 3:
        raise ValueError(
            f"{name} has shape {tuple(image.shape)}; the cascade takes (3, H, W): let "
            "the pipeline load colour images of 3 channels"
        )
    if image.dtype != torch.uint8 and not image.is_floating_point():
        raise ValueError(
            f"{name} is of type {image.dtype}; the cascade takes 8-bit values, as "
            "torch.uint8 or floats: let the pipeline load 8-bit images"
        )
    return image.shape[-2], image.shape[-1]


def _flip_of(sample: object) -> tuple:
    """Axes along which a pipeline has flipped an image."""
    info: dict = getattr(sample, "metainfo", {})
    if not info.get("flip"):
        return ()
    axes = dict(horizontal=(-1,), vertical=(-2,), diagonal=(-1, -2))
    return axes[info.get("flip_direction") or "horizontal"]


def _unflip(image: Tensor, axes: tuple) -> Tensor:
    return image.flip(axes) if axes else image


def _cut(batch: Tensor, sizes: list[tuple[int, int]]) -> Tensor:
    """Cut a batch (N, 3, Hb, Wb) to the images (N, 3, H, W) that lie in it."""
    # Hundreds of patches, taken apart and put together, would cost more time than the
    # denoiser does.
    if set(sizes) == {tuple(batch.shape[-2:])}:
        return batch
    return _stack(crop_to_areas(batch, sizes))


def _stack(images: list[Tensor]) -> Tensor:
    """Stack N images (3, h_i, w_i), smaller ones continued to the largest size."""
    height = max(image.shape[-2] for image in images)
    width = max(image.shape[-1] for image in images)
    return torch.stack([pad_to(image, height, width) for image in images])
