"""Pipeline steps: read an image whole, cut a patch, pack."""

import logging
from collections.abc import Sequence
from typing import Optional, Union

import mmcv
import numpy as np
import torch
from mmcv.transforms import BaseTransform, LoadImageFromFile
from mmengine import fileio
from mmengine.logging import print_log
from mmengine.structures import BaseDataElement

from mmdenoise.images import UnreadableError, as_bgr, read_image
from mmdenoise.registry import TRANSFORMS

__all__ = ["LoadImage", "PackImage", "RandomPatch"]


@TRANSFORMS.register_module()
class LoadImage(LoadImageFromFile):
    """MMCV's loader, but it reads whole images alone, with all their bits.

    OpenCV fills what a truncated JPEG lacks with grey and says nothing. MMCV's loader
    drops an alpha channel, and cuts 16 bits to 8, by scaling or by clipping: noise in
    8-bit units would then be simulated on, or denoised from, another image than the
    file's. Here :func:`mmdenoise.images.read_image` reads, as it does for
    ``mmdenoise denoise``; grey images get three equal channels, more than 8 bits a
    value become float32 in [0, 255], and transparent pixels are refused by name.

    Args:
        cache: Keep decoded images in memory, for small sets read over and over. Each
            worker process keeps its own.
        convert: Colours, by Pillow's names, that are turned into RGB and would be
            refused otherwise: ``('CMYK',)``, as ImageNet's heads were trained; with
            ``'LA'`` or ``'RGBA'`` alpha is dropped.
        to_float32: As of ``mmcv.transforms.LoadImageFromFile``, like all that follow.
        color_type: How a file is decoded.
        imdecode_backend: What decodes it. Other than ``'pillow'``, or of another
            ``color_type`` than ``'color'``: MMCV decodes images of 8-bit RGB again.
        ignore_empty: Return None where there is no such file or it is not whole.
        backend_args: Where files lie.
    """

    def __init__(
        self,
        cache: bool = False,
        convert: Sequence[str] = (),
        to_float32: bool = False,
        color_type: str = "color",
        imdecode_backend: str = "pillow",
        ignore_empty: bool = False,
        backend_args: Optional[dict] = None,
    ) -> None:
        super().__init__(
            to_float32=to_float32,
            color_type=color_type,
            imdecode_backend=imdecode_backend,
            ignore_empty=ignore_empty,
            backend_args=backend_args,
        )
        self.convert = tuple(convert)
        self._cache: Optional[dict[str, np.ndarray]] = {} if cache else None

    def transform(self, results: dict) -> Optional[dict]:
        """Add ``img`` (H, W, 3) BGR, ``img_shape`` and ``ori_shape``.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If the file is not a whole image, or of a kind that is refused.
        """
        path = results["img_path"]
        if self._cache is not None and path in self._cache:
            image = self._cache[path]
        else:
            try:
                image = self._read(path)
            except (FileNotFoundError, UnreadableError):
                if self.ignore_empty:
                    return None
                raise
            if self._cache is not None:
                self._cache[path] = image
        results.update(img=image, img_shape=image.shape[:2], ori_shape=image.shape[:2])
        return results

    def _read(self, path: str) -> np.ndarray:
        try:
            data = fileio.get(path, backend_args=self.backend_args)
        except FileNotFoundError:
            raise FileNotFoundError(f"there is no image {path!r}") from None
        except OSError as error:
            raise UnreadableError(f"cannot read the image {path!r}: {error}") from None
        picture = read_image(path, data, self.convert)
        try:
            image, line = as_bgr(picture, bool({"LA", "RGBA"} & set(self.convert)))
        except ValueError as error:
            raise ValueError(f"the image {path!r} {error}") from None
        if line is not None:
            print_log(f"{path!r}: {line}", "current", logging.WARNING)
        other = (self.color_type, self.imdecode_backend) != ("color", "pillow")
        if other and picture.colours == 3 and image.dtype == np.uint8:
            image = mmcv.imfrombytes(
                data, self.color_type, backend=self.imdecode_backend
            )
        return image.astype(np.float32) if self.to_float32 else image


@TRANSFORMS.register_module()
class RandomPatch(BaseTransform):
    """Cut a square patch at a random place.

    Args:
        size: Side of the patch in pixels; 48 in the paper (Section IV-A).
    """

    def __init__(self, size: int) -> None:
        if size < 1:
            raise ValueError(f"the patch size must be at least 1, got {size}")
        self.size = size

    def transform(self, results: dict) -> dict:
        """Cut ``img`` (H, W, C) to (size, size, C)."""
        image = results["img"]
        height, width = image.shape[:2]
        if min(height, width) < self.size:
            raise ValueError(
                f"{results.get('img_path')!r} is {height}x{width}, too small for a "
                f"patch of {self.size}x{self.size}"
            )
        top = np.random.randint(height - self.size + 1)
        left = np.random.randint(width - self.size + 1)
        patch = image[top : top + self.size, left : left + self.size]
        results.update(img=patch, img_shape=patch.shape[:2])
        return results

    def __repr__(self) -> str:
        return f"RandomPatch(size={self.size})"


@TRANSFORMS.register_module()
class PackImage(BaseTransform):
    """Pack an image that has no label, in the form every MMEngine model takes.

    Args:
        meta_keys: What to keep of the results beside the image.
    """

    def __init__(
        self,
        meta_keys: tuple[str, ...] = (
            "img_path",
            "ori_shape",
            "img_shape",
            "flip",
            "flip_direction",
        ),
    ) -> None:
        self.meta_keys = meta_keys

    def transform(self, results: dict) -> dict[str, Union[torch.Tensor, object]]:
        """Turn ``img`` (H, W, 3) into ``inputs`` (3, H, W) and ``data_samples``.

        Raises:
            ValueError: If it is of another shape or of wider integers, by name.
        """
        image = results["img"]
        if image.dtype != np.uint8 and not np.issubdtype(image.dtype, np.floating):
            raise ValueError(
                f"{results.get('img_path')!r} is of type {image.dtype}: load it as an "
                "image of 8 bits a value"
            )
        if image.ndim != 3 or image.shape[2] != 3:
            raise ValueError(
                f"{results.get('img_path')!r} is {image.shape} instead of (H, W, 3): "
                "load it as an image of 3 channels"
            )
        image = np.ascontiguousarray(image.transpose(2, 0, 1))
        info = {key: results[key] for key in self.meta_keys if key in results}
        return dict(
            inputs=torch.from_numpy(image), data_samples=BaseDataElement(metainfo=info)
        )
