"""A test set whose images are decoded once, however often it is gone through."""

from __future__ import annotations

import copy
from collections.abc import Mapping

import torch
from torch.utils.data import Dataset

__all__ = ["DecodedImages"]

MOST_BYTES = 2 << 30


class DecodedImages(Dataset):
    """Keep what a data set's pipeline made of each item in memory, while there is room.

    Each of a loader's workers keeps its own items; it must outlive an epoch
    (``persistent_workers``) for that.

    Args:
        dataset: The data set, with a pipeline that makes the same of an item each time.
        most_bytes: That tensors may take in this process; items beyond are made anew.
    """

    def __init__(self, dataset: Dataset, most_bytes: int = MOST_BYTES) -> None:
        self.dataset = dataset
        self.most_bytes = most_bytes
        self._bytes = 0
        self._kept: dict[int, object] = {}

    @property
    def metainfo(self) -> dict:
        """The data set's classes and palette."""
        return dict(getattr(self.dataset, "metainfo", None) or {})

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> object:
        """Return a copy: preprocessors write to the samples that they get."""
        if index not in self._kept:
            item = self.dataset[index]
            size = _bytes_in(item)
            if self._bytes + size > self.most_bytes:
                return item
            self._bytes += size
            self._kept[index] = item
        return copy.deepcopy(self._kept[index])


def _bytes_in(item: object) -> int:
    if isinstance(item, torch.Tensor):
        return item.numel() * item.element_size()
    if isinstance(item, Mapping):
        return sum(map(_bytes_in, item.values()))
    if isinstance(item, (list, tuple)):
        return sum(map(_bytes_in, item))
    if hasattr(item, "all_items"):  # a data sample of any host, or a map in one
        return sum(_bytes_in(value) for _, value in item.all_items())
    return 0
