"""Expected calibration error of classifiers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.evaluator import BaseMetric

from mmdenoise.registry import METRICS

__all__ = ["CalibrationError", "calibration_error"]


def calibration_error(
    confidences: Sequence[float], hits: Sequence[bool], bins: int = 15
) -> float:
    """Mean gap between how sure a classifier is and how often it is right, in percent.

    Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, Eq. (3): bins of
    equal width over the confidence, each weighed by its share of the images.

    Args:
        confidences: Score of the predicted class, in [0, 1], one an image.
        hits: Whether that class is the true one.
        bins: Number of bins.

    Example:
        >>> round(calibration_error([0.9, 0.9, 0.6], [True, False, True]), 6)
        40.0
    """
    confidence = torch.tensor(confidences, dtype=torch.float64)
    hit = torch.tensor(hits, dtype=torch.float64)
    # Bins are open to the left, as in the source: 0.2 lies below a bound of 0.2.
    index = (confidence * bins).ceil().clamp(1, bins).long() - 1
    gaps = torch.zeros(bins, dtype=torch.float64)
    gaps.index_add_(0, index, hit - confidence)
    return 100 * float(gaps.abs().sum()) / len(confidence)


@METRICS.register_module()
class CalibrationError(BaseMetric):
    """Expected calibration error (``ECE``, in percent) of single-label classifiers.

    Of other tasks, whose samples have no scores and one label, it says nothing.

    Args:
        bins: Number of bins.
        **kwargs: Of ``mmengine.evaluator.BaseMetric``.
    """

    def __init__(self, bins: int = 15, **kwargs) -> None:
        super().__init__(**kwargs)
        self.bins = bins

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Keep confidence and hit of each image; None where it has none."""
        for sample in data_samples:
            scores, label = sample.get("pred_score"), sample.get("gt_label")
            if scores is None or label is None or torch.as_tensor(label).numel() != 1:
                self.results.append(None)
                continue
            confidence, predicted = torch.as_tensor(scores).float().max(dim=-1)
            hit = int(predicted) == int(torch.as_tensor(label))
            self.results.append((float(confidence), hit))

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Return ``ECE``, or nothing if no image had scores and one label."""
        found = [result for result in results if result is not None]
        return {"ECE": calibration_error(*zip(*found), self.bins)} if found else {}
