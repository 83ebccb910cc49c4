"""Mean IoU over some of the classes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from mmseg.evaluation import IoUMetric

from mmdenoise.registry import METRICS

__all__ = ["ClassIoU"]


@METRICS.register_module()
class ClassIoU(IoUMetric):
    """MMSegmentation's IoU, averaged over the classes named.

    Small validation sets hold a handful of images of most classes, and the mean over
    all of them is then mostly luck.

    Args:
        of: Names of classes, of the data set's.
        name: Key of the result.
        **kwargs: Of ``mmseg.evaluation.IoUMetric``.
    """

    def __init__(
        self, of: Sequence[str], name: str = "mIoU_of_classes", **kwargs
    ) -> None:
        super().__init__(**kwargs)
        self.of = tuple(of)
        self.name = name

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Average the IoU of the chosen classes, in percent.

        Raises:
            ValueError: If the data set has no such class.
        """
        classes = list(self.dataset_meta["classes"])
        unknown = [name for name in self.of if name not in classes]
        if unknown:
            raise ValueError(f"no class {unknown}; the data set has {classes}")
        intersection, union = (sum(part) for part in list(zip(*results))[:2])
        chosen = [classes.index(name) for name in self.of]
        iou = (intersection / union)[chosen].numpy()
        return {self.name: round(float(np.nanmean(iou)) * 100, 2)}
