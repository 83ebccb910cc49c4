"""Pipeline steps: read an image whole, cut a patch, pack."""

import io
from collections.abc import Sequence
from typing import Optional, Union

import mmcv
import numpy as np
import torch
from mmcv.transforms import BaseTransform, LoadImageFromFile
from mmengine import fileio
from mmengine.structures import BaseDataElement
from PIL import Image

from mmdenoise.registry import TRANSFORMS

__all__ = ["LoadImage", "PackImage", "RandomPatch"]

# What Pillow and MMCV raise at damaged files; the last at absurdly large ones.
READ_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    AssertionError,
    Image.DecompressionBombError,
)
TRANSPARENT = ("LA", "La", "PA", "RGBA", "RGBa")


@TRANSFORMS.register_module()
class LoadImage(LoadImageFromFile):
    """MMCV's loader, but it refuses, by name, what is no whole 8-bit RGB image.

    OpenCV fills what a truncated JPEG lacks with grey and says nothing; Pillow, the
    backend here, fails. MMCV's loader drops an alpha channel, repeats a single one, and
    cuts 16 bits to 8, by scaling or by clipping: noise in 8-bit units would then be
    simulated on, or denoised from, another image than the file's. Palettes without
    transparency hold 8-bit RGB and pass.

    Args:
        cache: Keep decoded images in memory, for small sets read over and over. Each
            worker process keeps its own.
        convert: Modes, by Pillow's names, that are turned into RGB as MMCV does it all
            the same. ImageNet needs ``('L', 'CMYK')``: its heads were trained on its
            grey and CMYK files so. More than 8 bits a value never pass.
        to_float32: As of ``mmcv.transforms.LoadImageFromFile``, like all that follow.
        color_type: How a file is decoded.
        imdecode_backend: What decodes it.
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
            ValueError: If the file is not a whole image, or not one of 8-bit RGB.
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
            with Image.open(io.BytesIO(data)) as header:
                fault = _fault_of(header, self.convert)
            if fault is None:
                image = mmcv.imfrombytes(
                    data, flag=self.color_type, backend=self.imdecode_backend
                )
        except FileNotFoundError:
            raise FileNotFoundError(f"there is no image {path!r}") from None
        except READ_ERRORS as error:
            raise UnreadableError(f"cannot read the image {path!r}: {error}") from None
        if fault is not None:
            raise ValueError(
                f"the image {path!r} {fault}: convert the file to 8-bit RGB"
            )
        if image is None:
            raise UnreadableError(f"cannot read the image {path!r}")
        return image.astype(np.float32) if self.to_float32 else image


class UnreadableError(ValueError):
    """A file that is not a whole image."""


def _fault_of(image: Image.Image, convert: tuple[str, ...]) -> Optional[str]:
    """Say in what an opened image differs from 8-bit RGB; None if it may pass.

    Pillow calls an RGB image of 16 bits RGB and cuts it to 8 as it decodes; what it
    decodes from, the raw mode of its tiles, tells.
    """
    raw = [args if isinstance(args, tuple) else (args,) for *_, args in image.tile]
    wide = any(";16" in str(args[0]) for args in raw) or (
        image.format == "PPM" and any(args[1:] and args[1] > 255 for args in raw)
    )
    if wide or image.mode.startswith(("I", "F")):
        return "holds more than 8 bits a value"
    if image.mode in convert:
        return None
    if image.mode in TRANSPARENT or "transparency" in image.info:
        return f"has an alpha channel or transparent pixels (mode {image.mode})"
    if len(image.getbands()) == 1 and image.mode != "P":
        return f"has 1 channel instead of 3 (mode {image.mode})"
    if image.mode not in ("RGB", "P"):
        return f"holds other colours than RGB (mode {image.mode})"
    return None


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
