"""MMEngine's evaluator, keeping what each metric found image by image."""

from __future__ import annotations

from collections.abc import Sequence

from mmengine.evaluator import BaseMetric, Evaluator

from mmdenoise.registry import EVALUATOR

__all__ = ["PerImageEvaluator"]


@EVALUATOR.register_module()
class PerImageEvaluator(Evaluator):
    """Keep the metrics' per-image results, which MMEngine's evaluator throws away.

    A metric's ``results`` hold one entry an image (areas of intersection and union, a
    score, a hit), and its ``compute_metrics`` turns any list of them into numbers.
    With the lists of two methods on the same images a paired bootstrap needs nothing
    more, whatever the task. For one process: with several, each keeps its own part.

    Args:
        metrics: Configs or instances of metrics.
    """

    def __init__(self, metrics: dict | BaseMetric | Sequence) -> None:
        super().__init__(metrics)
        self.per_image: list[list] = []

    def evaluate(self, size: int) -> dict:
        """Compute the metrics over ``size`` images, keeping ``per_image`` results."""
        self.per_image = [list(metric.results) for metric in self.metrics]
        return super().evaluate(size)
