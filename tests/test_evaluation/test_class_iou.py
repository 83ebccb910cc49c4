"""Mean IoU over some of the classes, by hand."""

import pytest
import torch
from mmengine.registry import init_default_scope

from mmdenoise.evaluation import ClassIoU, PerImageEvaluator
from mmdenoise.registry import METRICS

CLASSES = ("wall", "cat", "dog", "bus")


def sample(prediction, truth):
    return dict(
        pred_sem_seg=dict(data=torch.tensor([prediction])),
        gt_sem_seg=dict(data=torch.tensor([truth])),
    )


# Two images of 2x3 pixels; 255 is ignored.
SAMPLES = [
    sample([[0, 0, 1], [1, 1, 2]], [[0, 1, 1], [1, 2, 255]]),
    sample([[2, 2, 0], [0, 0, 0]], [[2, 0, 0], [0, 0, 1]]),
]
# Intersection over union, summed over both images before the division:
# wall: 1 + 3 = 4 over (2) + (5) = 7;  cat: 2 + 0 = 2 over (4) + (1) = 5;
# dog: 0 + 1 = 1 over (1) + (2) = 3;  bus: nowhere.
IOU = dict(wall=4 / 7, cat=2 / 5, dog=1 / 3)


def evaluate(of, **kwargs):
    metric = METRICS.build(dict(type="mmdenoise.ClassIoU", of=of, **kwargs))
    metric.dataset_meta = dict(classes=CLASSES)
    metric.process({}, SAMPLES)
    return metric.evaluate(len(SAMPLES))


@pytest.mark.parametrize(
    "of", [["cat"], ["dog"], ["wall", "dog"], ["wall", "cat", "dog"]]
)
def test_against_a_computation_by_hand(of):
    expected = round(100 * sum(IOU[name] for name in of) / len(of), 2)
    assert evaluate(of) == {"mIoU_of_classes": expected}


def test_the_order_of_names_is_free_and_the_key_ones_own():
    found = evaluate(["dog", "wall"], name="mIoU_2")
    assert found == {"mIoU_2": round(50 * (IOU["wall"] + IOU["dog"]), 2)}


def test_a_class_that_is_nowhere_is_left_out_of_the_mean():
    assert evaluate(["cat", "bus"]) == {"mIoU_of_classes": 40.0}


def test_all_classes_are_the_hosts_own_mean():
    from mmseg.evaluation import IoUMetric

    host = IoUMetric(iou_metrics=["mIoU"])
    host.dataset_meta = dict(classes=CLASSES)
    host.process({}, SAMPLES)
    assert evaluate(CLASSES)["mIoU_of_classes"] == pytest.approx(
        host.evaluate(2)["mIoU"]
    )


def test_an_unknown_class():
    with pytest.raises(ValueError, match=r"no class \['cow', 'pig'\]; .*'wall', 'cat'"):
        evaluate(["cat", "cow", "pig"])


def test_beside_the_hosts_metric():
    init_default_scope("mmseg")
    evaluator = PerImageEvaluator(
        [
            dict(type="IoUMetric", iou_metrics=["mIoU"]),
            dict(type="mmdenoise.ClassIoU", of=["cat"]),
        ]
    )
    evaluator.dataset_meta = dict(classes=CLASSES)
    evaluator.process(data_samples=SAMPLES)
    found = evaluator.evaluate(2)
    assert isinstance(evaluator.metrics[1], ClassIoU)
    assert {"mIoU", "mIoU_of_classes"} <= set(found)
    assert found["mIoU_of_classes"] == 40.0
