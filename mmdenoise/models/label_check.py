"""Refuse labels that a head cannot mean, before they are trained on or scored.

Hosts drop them in silence: MMSegmentation's loader keeps 8 of 16 bits, and its metric
counts no pixel whose label is beyond the classes.
"""

import os
from collections.abc import Sequence
from typing import Optional

import torch
from mmengine.structures import BaseDataElement, PixelData
from PIL import Image
from torch import Tensor, nn

__all__ = ["LabelCheck"]

WIDE_MODES = ("I", "F")
MOST_LABELS = 1 << 16


class LabelCheck:
    """Look at the labels of a batch, as the pipeline packed them.

    Maps of integers must have one channel and their image's size. Their labels, and
    those of classifiers, must be the head's: from 0 to its number of classes, or the
    index that it ignores. Other fields, depths for instance, are passed over.

    Args:
        head: The task network; None passes all.
    """

    def __init__(self, head: Optional[nn.Module]) -> None:
        meta = getattr(head, "dataset_meta", None) or {}
        #: Names of the head's classes by label, where its checkpoint says them.
        self.names: Sequence[str] = meta.get("classes") or ()
        self.classes: Optional[int] = None
        self.ignored: Optional[int] = None
        for part in _parts_of(head):
            if self.classes is None:
                self.classes = _integer(part, "num_classes")
            if self.ignored is None:
                self.ignored = _integer(part, "ignore_index")
        self._read: set[str] = set()

    def __call__(
        self,
        inputs: Sequence[Tensor],
        samples: Sequence[BaseDataElement],
        training: bool = False,
    ) -> None:
        """Check a batch.

        Args:
            inputs: N images (3, h_i, w_i).
            samples: Their N data samples.
            training: False lets a map have the size of the image's file as well: in
                testing hosts leave it so, and scale the prediction.

        Raises:
            ValueError: Naming the file, and what is wrong with its labels.
        """
        for image, sample in zip(inputs, samples):
            if not isinstance(sample, BaseDataElement):
                continue
            info = sample.metainfo
            sizes = {tuple(image.shape[-2:])}
            if not training and info.get("ori_shape"):
                sizes.add(tuple(info["ori_shape"])[:2])
            for name, field in sample.items():
                if not name.startswith("gt_"):
                    continue
                if isinstance(field, PixelData) and _is_whole(field.get("data")):
                    self._check_map(field.data, info, sizes)
                elif _is_whole(field):
                    image_name = info.get("img_path") or "an image"
                    self._check_values(field, f"the label of {image_name!r} is")

    def _check_map(self, labels: Tensor, info: dict, sizes: set) -> None:
        path = info.get("seg_map_path")
        what = f"the mask {path!r}"
        if path is None:
            what = f"the mask of {info.get('img_path') or 'an image'!r}"
        if labels.ndim != 3 or labels.shape[0] != 1:
            raise ValueError(
                f"{what} has the shape {tuple(labels.shape)}: a mask has one channel "
                "of labels, not colours"
            )
        if tuple(labels.shape[-2:]) not in sizes:
            height, width = labels.shape[-2:]
            raise ValueError(
                f"{what} has {height}x{width} pixels (height x width), its image "
                f"{' or '.join(f'{h}x{w}' for h, w in sorted(sizes))}"
            )
        self._refuse_cut_bits(labels, path)
        self._check_values(labels, f"{what} holds")

    def _check_values(self, labels: Tensor, what: str) -> None:
        if self.classes is None or not labels.numel():
            return
        low, high = (int(end) for end in labels.aminmax())
        if 0 <= low and high < self.classes:
            return
        if low < 0 or high >= MOST_LABELS:
            found = labels.unique()
        else:  # much faster
            found = labels.flatten().bincount().nonzero().flatten()
        wrong = (found < 0) | (found >= self.classes)
        if self.ignored is not None:
            wrong &= found != self.ignored
        if wrong.any():
            also = "" if self.ignored is None else f" and ignores {self.ignored}"
            raise ValueError(
                f"{what} {_some(found[wrong].tolist())}: the head has the classes 0 to "
                f"{self.classes - 1}{also}"
            )

    def _refuse_cut_bits(self, labels: Tensor, path: Optional[str]) -> None:
        """Refuse a mask of more bits than the hosts' loader keeps, read once."""
        if path is None or path in self._read or not os.path.isfile(path):
            return
        self._read.add(path)
        try:
            with Image.open(path) as image:
                if not image.mode.startswith(WIDE_MODES):
                    return
                few = self.classes is not None and self.classes <= 256
                whole = image.size[::-1] == tuple(labels.shape[-2:])
                # A loader of the user's own may keep them, for more than 256 classes.
                cut = whole and image.getextrema()[1] > 255 >= int(labels.max())
        except (OSError, SyntaxError, ValueError):
            return  # another format than Pillow's: the loader has read it
        if few or cut:
            raise ValueError(
                f"the mask {path!r} has more than 8 bits a value, and the host's "
                "loader keeps 8: save it with 8 bits, or let the pipeline load it whole"
            )


def _parts_of(head: Optional[nn.Module]) -> list[nn.Module]:
    """Where hosts keep the number of classes: the model, or the last of its heads."""
    found = []
    for part in (head, *(getattr(head, n, None) for n in ("decode_head", "head"))):
        if isinstance(part, nn.ModuleList) and len(part):
            part = part[-1]
        if isinstance(part, nn.Module):
            found.append(part)
    return found


def _integer(part: nn.Module, name: str) -> Optional[int]:
    value = getattr(part, name, None)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _is_whole(value: object) -> bool:
    return (
        isinstance(value, Tensor)
        and not value.is_floating_point()
        and value.dtype != torch.bool
    )


def _some(labels: list[int], limit: int = 5) -> str:
    more = f" and {len(labels) - limit} more" if len(labels) > limit else ""
    return ", ".join(str(label) for label in labels[:limit]) + more
