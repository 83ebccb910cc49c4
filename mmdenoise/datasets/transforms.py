"""Pipeline steps: read an image whole, cut a patch, pack."""

from typing import Optional, Union

import numpy as np
import torch
from mmcv.transforms import BaseTransform, LoadImageFromFile
from mmengine.structures import BaseDataElement

from mmdenoise.registry import TRANSFORMS

__all__ = ["LoadImage", "PackImage", "RandomPatch"]


@TRANSFORMS.register_module()
class LoadImage(LoadImageFromFile):
    """MMCV's loader, but it refuses a truncated file, by name.

    OpenCV fills what a truncated JPEG lacks with grey and says nothing; Pillow, the
    backend here, fails. The result is BGR as from MMCV's.

    Args:
        cache: Keep decoded images in memory, for small sets read over and over. Each
            worker process keeps its own.
        **kwargs: Of ``mmcv.transforms.LoadImageFromFile``.
    """

    def __init__(self, cache: bool = False, **kwargs) -> None:
        kwargs.setdefault("imdecode_backend", "pillow")
        super().__init__(**kwargs)
        self._cache: Optional[dict[str, np.ndarray]] = {} if cache else None

    def transform(self, results: dict) -> Optional[dict]:
        """Add ``img`` (H, W, 3), ``img_shape`` and ``ori_shape``.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If the file is not a whole image.
        """
        path = results["img_path"]
        if self._cache is not None and path in self._cache:
            image = self._cache[path]
            results.update(
                img=image, img_shape=image.shape[:2], ori_shape=image.shape[:2]
            )
            return results
        try:
            loaded = super().transform(results)
        except FileNotFoundError:
            raise FileNotFoundError(f"there is no image {path!r}") from None
        except (OSError, SyntaxError, ValueError, AssertionError) as error:
            raise ValueError(f"cannot read the image {path!r}: {error}") from None
        if self._cache is not None and loaded is not None:
            self._cache[path] = loaded["img"]
        return loaded


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
        """Turn ``img`` (H, W, 3) into ``inputs`` (3, H, W) and ``data_samples``."""
        image = np.ascontiguousarray(results["img"].transpose(2, 0, 1))
        info = {key: results[key] for key in self.meta_keys if key in results}
        return dict(
            inputs=torch.from_numpy(image), data_samples=BaseDataElement(metainfo=info)
        )
