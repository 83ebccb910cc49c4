"""Pipeline steps for noisy/clean pairs.

Between loading and packing the two are one image of 6 channels, so that whatever crops,
flips or resizes it does the same to both.
"""

from __future__ import annotations

import numpy as np
import torch
from mmcv.transforms import BaseTransform

from mmdenoise.registry import TRANSFORMS

from .transforms import LoadImage

__all__ = ["LoadPair", "PackPair"]


@TRANSFORMS.register_module()
class LoadPair(LoadImage):
    """Load a noisy image and the clean one of its pair, as one of 6 channels.

    Args:
        **kwargs: Of :class:`mmdenoise.datasets.transforms.LoadImage`.
    """

    def transform(self, results: dict) -> dict | None:
        """Add ``img``: noisy and clean, (H, W, 6) BGR; (H, W, 3) without a clean one.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If one is not a whole 8-bit RGB image, or they differ in size.
        """
        loaded = super().transform(results)
        if loaded is None or "clean_path" not in loaded:
            return loaded
        partner = super().transform(dict(img_path=loaded["clean_path"]))
        if partner is None:
            return None
        noisy, clean = loaded["img"], partner["img"]
        if noisy.shape != clean.shape:
            sizes = ["x".join(map(str, image.shape[:2])) for image in (noisy, clean)]
            raise ValueError(
                "the two of a pair differ in size: "
                f"{loaded['img_path']!r} is {sizes[0]}, "
                f"{loaded['clean_path']!r} is {sizes[1]}"
            )
        return dict(loaded, img=np.concatenate([noisy, clean], axis=2))


@TRANSFORMS.register_module()
class PackPair(BaseTransform):
    """Pack a pair: the noisy image as any other, the clean one beside it.

    Args:
        pack: The step that packs the noisy image: the head's own, or
            ``mmdenoise.PackImage``.
    """

    def __init__(self, pack: dict | None = None) -> None:
        self.pack = TRANSFORMS.build(pack or dict(type="mmdenoise.PackImage"))

    def transform(self, results: dict) -> dict:
        """Turn ``img`` (H, W, 6) into ``inputs`` and ``clean``, (3, H, W) each.

        ``clean`` is left out for an image of 3 channels, which has no partner.

        Raises:
            ValueError: If it has neither 3 nor 6 channels.
        """
        image = results["img"]
        channels = image.shape[2] if image.ndim == 3 else 1
        if channels not in (3, 6):
            raise ValueError(
                f"{results.get('img_path')!r} has {channels} channels; a pair has 6: "
                "begin the pipeline with mmdenoise.LoadPair"
            )
        packed = self.pack(dict(results, img=np.ascontiguousarray(image[..., :3])))
        if channels == 6:
            clean = np.ascontiguousarray(image[..., 3:].transpose(2, 0, 1))
            packed["clean"] = torch.from_numpy(clean)
        return packed

    def __repr__(self) -> str:
        return f"PackPair(pack={self.pack})"
