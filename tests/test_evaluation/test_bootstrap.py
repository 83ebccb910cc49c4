"""Paired bootstrap: intervals of scores and differences."""

import logging

import numpy as np
import pytest
from mmengine.evaluator import BaseMetric, Evaluator
from mmengine.logging import MMLogger

from mmdenoise.evaluation.bootstrap import bootstrap, interval, resampled
from mmdenoise.evaluation.kept_cells import CellResult


class Mean(BaseMetric):
    """The mean of numbers, under a key."""

    def __init__(self, key="score"):
        super().__init__()
        self.key = key
        self.seen = []
        self.level = None

    def process(self, data_batch, data_samples):
        raise NotImplementedError

    def compute_metrics(self, results):
        self.seen.append(list(results))
        self.level = MMLogger.get_current_instance().level
        return {self.key: sum(results) / len(results)}


def results(*lists):
    """One result a noise seed, of one metric."""
    return [CellResult({}, [list(values)]) for values in lists]


def test_identical_arms_differ_by_nothing():
    arm = results([1.0, 5.0, 2.0], [3.0, 4.0, 2.0])
    found = bootstrap(Evaluator([Mean()]), arm, arm, resamples=50)
    assert found == {"score": (0.0, 0.0, 0.0)}


def test_a_constant_shift_has_no_spread():
    """Images are paired: what they have in common cancels, however much they vary."""
    values = [1.0, 50.0, -300.0, 7.0]
    ours = results([value + 2.5 for value in values])
    found = bootstrap(Evaluator([Mean()]), ours, results(values), resamples=50)
    assert found["score"] == pytest.approx((2.5, 2.5, 2.5))


def test_intervals_are_named_as_the_metrics_are():
    """MMEngine puts a metric's prefix before its keys: accuracy/top1."""
    metric = Mean("top1")
    metric.prefix = "accuracy"
    metric.results = [1.0, 3.0]
    (key,) = metric.evaluate(2)
    found = bootstrap(Evaluator([metric]), results([1, 9]), results([1, 5]), 50)
    assert list(found) == [key] == ["accuracy/top1"]
    assert found[key][0] == 2.0


def test_two_images_by_hand():
    """Differences 0 and 4: resampled means are 0, 2 or 4 (1, 2 and 1 in 4)."""
    found = bootstrap(Evaluator([Mean()]), results([1, 9]), results([1, 5]), 400)
    assert found["score"] == (2.0, 0.0, 4.0)


def test_the_interval_of_many_images_is_the_textbooks():
    """For a mean, 1.96 standard errors on each side."""
    generator = np.random.default_rng(1)
    difference = generator.normal(0.3, 2.0, 400)
    common = generator.normal(0, 50.0, 400)
    value, low, high = bootstrap(
        Evaluator([Mean()]), results(common + difference), results(common), 1000
    )["score"]
    error = difference.std() / 400**0.5
    assert value == pytest.approx(difference.mean())
    assert low == pytest.approx(difference.mean() - 1.96 * error, abs=0.2 * error)
    assert high == pytest.approx(difference.mean() + 1.96 * error, abs=0.2 * error)


def test_one_draw_serves_both_arms_and_all_seeds():
    """Entries that name their image show which images were drawn."""
    metric = Mean()
    arm = results(range(7), range(7))
    bootstrap(Evaluator([metric]), arm, arm, resamples=5)
    assert len(metric.seen) == 24, "2 arms, 6 draws, 2 seeds"
    ours, theirs = metric.seen[:12], metric.seen[12:]
    calls = [ours[i : i + 2] + theirs[i : i + 2] for i in range(0, 12, 2)]
    assert all(one == draw[0] for draw in calls for one in draw)
    assert calls[0][0] == list(range(7)), "the first one is every image once"
    drawn = [tuple(draw[0]) for draw in calls[1:]]
    assert len(set(drawn)) == 5
    assert any(len(set(draw)) < 7 for draw in drawn), "with replacement"


def test_seeds_are_averaged():
    ours, theirs = results([4.0, 4.0], [8.0, 8.0]), results([1.0, 1.0])
    found = bootstrap(Evaluator([Mean()]), ours, theirs, resamples=10)
    assert found["score"] == pytest.approx((5.0, 5.0, 5.0))


def test_each_metric_has_its_own_entries():
    evaluator = Evaluator([Mean("one"), Mean("two")])
    ours = [CellResult({}, [[1.0, 1.0], [30.0, 30.0]])]
    theirs = [CellResult({}, [[0.0, 0.0], [10.0, 10.0]])]
    found = bootstrap(evaluator, ours, theirs, resamples=10)
    assert found == {"one": (1.0, 1.0, 1.0), "two": (20.0, 20.0, 20.0)}


def test_a_resampling_repeats_itself():
    arms = results([1.0, 5.0, 2.0, 7.0]), results([2.0, 3.0, 3.0, 3.0])
    first = bootstrap(Evaluator([Mean()]), *arms, resamples=30)
    assert bootstrap(Evaluator([Mean()]), *arms, resamples=30) == first
    other = bootstrap(Evaluator([Mean()]), *arms, resamples=30, seed=1)
    assert other["score"][0] == first["score"][0] and other != first


def test_metrics_are_quiet_meanwhile_and_the_logger_is_as_it_was():
    logger = MMLogger.get_instance("test_bootstrap")
    before = logging.INFO
    logger.setLevel(before)
    metric = Mean()
    bootstrap(Evaluator([metric]), results([1.0]), results([1.0]), resamples=2)
    assert metric.level == logging.ERROR
    assert logger.level == before

    class Broken(Mean):
        def compute_metrics(self, results):
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        bootstrap(Evaluator([Broken()]), results([1.0]), results([1.0]), resamples=2)
    assert logger.level == before


def test_lists_and_metrics_without_an_entry_an_image_are_left_out():
    class PerClass(Mean):
        def compute_metrics(self, results):
            return {"mean": sum(results) / len(results), "of classes": [1.0, 2.0]}

    evaluator = Evaluator([PerClass(), Mean("whole"), Mean("two")])
    one = [CellResult({}, [[1.0, 3.0], [7.0], [4.0, 8.0]])]
    found = resampled(evaluator, one, resamples=20)
    assert list(found) == ["mean", "two"]
    assert found["mean"][0] == 2.0 and len(found["mean"]) == 21
    value, low, high = interval(found["two"])
    assert (value, low, high) == (6.0, 4.0, 8.0)


def test_the_interval_of_exact_images():
    assert interval(np.array([np.inf] * 5)) == (np.inf, np.inf, np.inf)
