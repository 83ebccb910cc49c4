"""Photographs that are noisy by themselves, each with its clean one."""

from __future__ import annotations

import os
from collections.abc import Sequence

from mmengine.dataset import BaseDataset
from mmengine.fileio import list_dir_or_file

from mmdenoise.images import ENDINGS, image_size
from mmdenoise.registry import DATASETS

__all__ = ["LAYOUTS", "PairedImageDataset"]

# What a noisy file's path has, and what its clean one's has in that place. The path
# begins at the data set's folder, with a "/".
LAYOUTS: dict[str, tuple[str | None, str | None]] = {
    "folders": ("/noisy/", "/clean/"),
    "sidd": ("NOISY_SRGB", "GT_SRGB"),
    "polyu": ("_real.", "_mean."),
    "cc": ("_real.", "_mean."),
    "dnd": (None, None),  # every file is noisy, and the truth is not published
}


@DATASETS.register_module()
class PairedImageDataset(BaseDataset):
    """Noisy images and their clean ones, in the order of the noisy ones' names.

    The two of a pair differ in one part of their paths; their endings may differ too.
    A cascade takes them with ``noise=None``; the pipeline begins with
    :class:`~mmdenoise.datasets.pair_transforms.LoadPair` and ends with
    :class:`~mmdenoise.datasets.pair_transforms.PackPair`.

    Args:
        data_root: The folder; files lie in it or in folders below.
        layout: ``'folders'``, ``'sidd'``, ``'polyu'``, ``'cc'``, ``'dnd'``, or the part
            of a noisy file's path and what a clean one has instead:
            ``('_noisy.', '_clean.')``. A part None takes every image; a clean part
            None says that there are none.
        pipeline: Transforms.
        first: Take only so many pairs, 1 or more.
        how_to_get: A line for the error where the folder is missing.
        **kwargs: Of ``mmengine.dataset.BaseDataset``.

    Raises:
        FileNotFoundError: If there is no such folder, no noisy image in it, or one of a
            pair is missing.
        ValueError: If the two of a pair differ in size, the layout is unknown, or
            ``first`` is below 1.
    """

    METAINFO = dict(dataset_type="noisy_clean_pairs")

    def __init__(
        self,
        data_root: str,
        layout: str | Sequence[str | None] = "folders",
        pipeline: Sequence = (),
        first: int | None = None,
        how_to_get: str = "set data_root to a folder of noisy/clean pairs",
        **kwargs,
    ) -> None:
        if first is not None and first < 1:
            raise ValueError(f"first must be at least 1, got {first}")
        self.parts = _parts_of(layout)
        self.first = first
        self.how_to_get = how_to_get
        super().__init__(data_root=data_root, pipeline=list(pipeline), **kwargs)

    def load_data_list(self) -> list[dict]:
        """List the pairs, ``img_path`` and ``clean_path``, and check each."""
        if not os.path.isdir(self.data_root):
            raise FileNotFoundError(
                f"there is no image folder {self.data_root!r}; {self.how_to_get}"
            )
        names = sorted(
            f"/{name}"
            for name in list_dir_or_file(self.data_root, list_dir=False, recursive=True)
            if name.lower().endswith(ENDINGS)
        )
        noisy_part, clean_part = self.parts
        noisy = [name for name in names if noisy_part is None or noisy_part in name]
        if not noisy:
            raise FileNotFoundError(
                f"no image with {noisy_part or 'any name'!r} in its path in "
                f"{self.data_root!r}; {self.how_to_get}"
            )
        if noisy_part is None or clean_part is None:
            return [dict(img_path=self._path(name)) for name in noisy[: self.first]]
        pairs = self._paired(noisy, names)[: self.first]
        return [self._checked(*pair) for pair in pairs]

    def _paired(self, noisy: list[str], names: list[str]) -> list[tuple[str, str]]:
        noisy_part, clean_part = self.parts
        clean = {}
        for name in names:
            if clean_part in name and noisy_part not in name:
                clean[os.path.splitext(name)[0]] = name
        pairs, alone = [], []
        for name in noisy:
            before, _, after = name.rpartition(noisy_part)
            partner = before + clean_part + after
            found = clean.pop(os.path.splitext(partner)[0], None)
            if found is None:
                alone.append(f"{self._path(name)!r} has no {self._path(partner)!r}")
            else:
                pairs.append((name, found))
        left = sorted(clean.values())
        alone += [f"{self._path(name)!r} has no noisy image" for name in left]
        if alone:
            more = f" (and {len(alone) - 1} more)" if len(alone) > 1 else ""
            raise FileNotFoundError(f"a pair is not whole: {alone[0]}{more}")
        return pairs

    def _checked(self, noisy: str, clean: str) -> dict:
        paths = [self._path(noisy), self._path(clean)]
        sizes = [image_size(path) for path in paths]
        # What has no size is told, with the reason, when it is read.
        if (0, 0) not in sizes and sizes[0] != sizes[1]:
            (first, second), (one, other) = paths, sizes
            raise ValueError(
                f"the two of a pair differ in size: {first!r} is {one[0]}x{one[1]}, "
                f"{second!r} is {other[0]}x{other[1]}"
            )
        return dict(img_path=paths[0], clean_path=paths[1])

    def _path(self, name: str) -> str:
        return os.path.join(self.data_root, name[1:])


def _parts_of(layout: str | Sequence[str | None]) -> tuple[str | None, str | None]:
    if isinstance(layout, str):
        if layout not in LAYOUTS:
            raise ValueError(
                f"no layout of pairs is called {layout!r}: {', '.join(LAYOUTS)}, or "
                "the noisy and the clean part of a path"
            )
        return LAYOUTS[layout]
    parts = tuple(layout)
    known = len(parts) == 2 and all(
        part is None or (isinstance(part, str) and part) for part in parts
    )
    if not known or (parts[0] is None and parts[1] is not None):
        raise ValueError(
            "a layout is a name or two parts of a path, the noisy one's and the clean "
            f"one's: ('_noisy.', '_clean.'); got {layout!r}"
        )
    if parts[0] is not None and parts[0] == parts[1]:
        raise ValueError(f"the two parts of a layout must differ, got {layout!r}")
    return parts
