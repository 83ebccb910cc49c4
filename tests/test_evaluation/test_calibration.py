"""Expected calibration error."""

import pytest
import torch

from mmdenoise.evaluation.calibration import CalibrationError, calibration_error


def test_by_hand():
    """Two bins of five: (0.9, 0.8; one hit) and (0.3; a hit): gaps 0.35 and 0.7."""
    found = calibration_error([0.9, 0.81, 0.3], [True, False, True], bins=2)
    assert found == pytest.approx(100 * (2 * abs(0.5 - 0.855) + 0.7) / 3, abs=1e-4)


def test_a_bound_belongs_to_the_bin_below():
    # 0.5 and 0.4 share a bin of (0, 0.5], so that their gaps cancel.
    assert calibration_error([0.5, 0.4], [False, True], bins=2) == pytest.approx(5.0)


def test_a_calibrated_classifier_has_no_error():
    confidences, hits = [0.75] * 4 + [1.0], [True] * 3 + [False] + [True]
    assert calibration_error(confidences, hits) == pytest.approx(0)


def test_as_a_metric():
    metric = CalibrationError(bins=2)
    samples = [
        dict(pred_score=torch.tensor([0.1, 0.9]), gt_label=torch.tensor([1])),
        dict(pred_score=torch.tensor([0.19, 0.81]), gt_label=torch.tensor([0])),
        dict(pred_score=torch.tensor([0.3, 0.2]), gt_label=torch.tensor([0])),
        dict(pred_sem_seg=1),
        dict(pred_score=torch.tensor([0.3, 0.2]), gt_label=torch.tensor([0, 1])),
    ]
    metric.process({}, samples)
    assert metric.results[3:] == [None, None]
    found = metric.evaluate(5)
    assert list(found) == ["ECE"]
    expected = calibration_error([0.9, 0.81, 0.3], [True, False, True], bins=2)
    assert found["ECE"] == pytest.approx(expected, abs=1e-4)


def test_other_tasks_have_none():
    metric = CalibrationError()
    metric.process({}, [dict(pred_sem_seg=1)])
    assert metric.evaluate(1) == {}
