"""The evaluator that keeps what each metric found image by image."""

import math

import pytest
import torch
from mmengine.evaluator import BaseMetric, Evaluator
from mmengine.registry import init_default_scope

from mmdenoise.evaluation import PerImageEvaluator
from mmdenoise.registry import EVALUATOR


class Brightness(BaseMetric):
    def process(self, data_batch, data_samples):
        self.results += [s["clean"].mean().item() for s in data_samples]

    def compute_metrics(self, results):
        return dict(brightness=sum(results) / len(results))


@pytest.fixture
def samples():
    """Five images as metrics get them: segmentation beside restoration."""
    generator = torch.Generator().manual_seed(4)

    def draw(*shape):
        return torch.rand(shape, generator=generator)

    made = []
    for index in range(5):
        clean = draw(3, 16, 20)
        made.append(
            dict(
                img_path=f"{index}.png",
                clean=clean,
                denoised=clean + 0.1 * draw(3, 16, 20),
                pred_sem_seg=dict(data=(draw(1, 16, 20) * 3).long()),
                gt_sem_seg=dict(data=(draw(1, 16, 20) * 3).long()),
            )
        )
    return made


def metrics():
    return [
        dict(type="IoUMetric", iou_metrics=["mIoU"]),
        dict(type="mmdenoise.PSNR"),
        Brightness(),
    ]


def run(evaluator, samples, size=None):
    evaluator.dataset_meta = dict(classes=("a", "b", "c"))
    for start in (0, 2, 4):
        evaluator.process(data_samples=samples[start : start + 2])
    return evaluator.evaluate(size or len(samples))


def test_it_gives_the_same_metrics_as_mmengines(samples):
    init_default_scope("mmseg")
    ours = run(PerImageEvaluator(metrics()), samples)
    theirs = run(Evaluator(metrics()), samples)
    assert ours == theirs
    assert {"mIoU", "PSNR", "brightness"} <= set(ours)


def test_it_keeps_an_entry_an_image_and_metric(samples):
    init_default_scope("mmseg")
    evaluator = EVALUATOR.build(
        dict(type="mmdenoise.PerImageEvaluator", metrics=metrics())
    )
    assert evaluator.per_image == []
    found = run(evaluator, samples)
    assert [len(entries) for entries in evaluator.per_image] == [5, 5, 5]
    areas, scores, means = evaluator.per_image
    for sample, area, score, mean in zip(samples, areas, scores, means):
        truth = sample["gt_sem_seg"]["data"]
        counts = torch.bincount(truth.flatten(), minlength=3)
        # Intersection, union, prediction, label: the areas of each class.
        assert area[3].tolist() == counts.tolist()
        error = (sample["clean"] * 255).round() - (
            sample["denoised"].clamp(0, 1) * 255
        ).round()
        expected = 10 * math.log10(255**2 / error.double().square().mean().item())
        assert score == pytest.approx(expected, abs=1e-4)
        assert mean == sample["clean"].mean().item()
    # What a metric makes of them is the result.
    again = evaluator.metrics[0].compute_metrics(areas)
    assert again["mIoU"] == found["mIoU"]
    assert evaluator.metrics[0].results == [], "as mmengine leaves them"


def test_a_second_evaluation_starts_anew(samples):
    evaluator = PerImageEvaluator([Brightness()])
    run(evaluator, samples)
    evaluator.process(data_samples=samples[:2])
    assert evaluator.evaluate(2)["brightness"] == pytest.approx(
        sum(s["clean"].mean().item() for s in samples[:2]) / 2
    )
    assert [len(entries) for entries in evaluator.per_image] == [2]
