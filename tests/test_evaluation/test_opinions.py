"""Opinion scores: known preferences come back, and who ranks at random is found."""

import numpy as np
import pytest

from mmdenoise.evaluation.opinions import (
    bradley_terry,
    bradley_terry_interval,
    kendall_w,
    mean_opinion_scores,
    screen_bt500,
    screen_chance,
    screen_p910,
)

STRENGTHS = np.array([1.2, 0.4, -0.3, -1.3])


def ranks(utilities):
    """Scores 1 (lowest) to M along the last axis."""
    return utilities.argsort(axis=-1).argsort(axis=-1) + 1


def raters(count, images=20, strengths=STRENGTHS, seed=0):
    """Rankings of the Plackett-Luce model, whose pairs obey Bradley and Terry's."""
    draws = np.random.default_rng(seed).gumbel(size=(count, images, len(strengths)))
    return ranks(strengths + draws)


def random_raters(count, images=20, methods=4, seed=1):
    return ranks(np.random.default_rng(seed).random((count, images, methods)))


def test_known_strengths_come_back():
    scores = raters(60, images=40)
    found = bradley_terry(scores)
    assert np.abs(found - STRENGTHS).max() < 0.1
    low, high = bradley_terry_interval(scores, resamples=100)
    assert (low < STRENGTHS).all() and (STRENGTHS < high).all()
    assert (high - low).max() < 0.3


def test_two_methods_by_hand():
    # 6 of 8 comparisons, half a win added to either side: log(6.5 / 2.5).
    scores = np.array([[[2, 1]] * 6 + [[1, 2]] * 2])
    found = bradley_terry(scores)
    assert found[0] - found[1] == pytest.approx(np.log(6.5 / 2.5), abs=1e-5)


def test_a_method_that_always_wins_stays_finite():
    found = bradley_terry(np.tile([3, 2, 1], (5, 4, 1)))
    assert np.isfinite(found).all() and found[0] > found[1] > found[2]


def test_mean_scores_and_interval_by_hand():
    # Two raters' means are 2 and 1 for the first method: Student's t of 1 degree.
    scores = np.array([[[2, 1], [2, 1]], [[1, 2], [1, 2]]])
    means, halves = mean_opinion_scores(scores)
    assert means == pytest.approx([1.5, 1.5])
    assert halves == pytest.approx([12.7062 * 0.5] * 2, rel=1e-4)
    assert np.isnan(mean_opinion_scores(scores[:1])[1]).all()


def test_interval_holds_the_truth_as_often_as_it_says():
    truth = raters(20000, images=1).mean(axis=(0, 1))
    inside = []
    for seed in range(200):
        means, halves = mean_opinion_scores(raters(15, images=10, seed=seed + 5))
        inside.append(np.abs(means - truth) <= halves)
    assert 0.92 < np.mean(inside) < 0.98


def test_kendall_w_by_hand():
    # Sums 6, 4, 2 of two raters that agree; sums 4, 4, 4 of two that are opposed.
    scores = np.array([[[3, 2, 1], [3, 2, 1]], [[3, 2, 1], [1, 2, 3]]])
    assert kendall_w(scores) == pytest.approx([1.0, 0.0])
    # Sums 5, 4, 3: 12 * 2 / (4 * 24).
    assert kendall_w(np.array([[[3, 2, 1]], [[2, 3, 1]]])) == pytest.approx([0.75])


def test_agreement_of_random_raters_is_one_in_their_number():
    assert kendall_w(random_raters(20, 400)).mean() == pytest.approx(1 / 20, abs=0.01)


def test_random_raters_are_found_and_honest_ones_kept():
    found, lost = 0, 0
    for seed in range(100):
        honest = raters(15, images=10, seed=seed)
        mixed = np.concatenate([honest, random_raters(1, 10, seed=100 + seed)])
        screened = {one.rater for one in screen_chance(mixed)}
        found += 15 in screened
        lost += len(screened - {15})
    # 5 in 100 that rank at random pass, by the rule.
    assert found >= 90
    assert lost <= 30  # of 1,500


def test_two_random_raters_are_found_one_after_the_other():
    honest, noise = raters(15, images=10), random_raters(2, 10, seed=11)
    mixed = np.concatenate([noise[:1], honest, noise[1:]])
    assert {one.rater for one in screen_chance(mixed)} == {0, 16}


def test_z_of_chance_by_hand():
    # The others' means are (1, -1) / 2 thrice; the third always says the opposite.
    # Of one image: product -1/2, variance 1/2 * 1/2; of three: z = -sqrt(3).
    scores = np.array([[[2, 1]] * 3, [[2, 1]] * 3, [[1, 2]] * 3])
    (found,) = screen_chance(scores)
    assert found.rater == 2
    assert found.reason.endswith("(z = -1.7)")


def test_p910_by_its_two_correlations():
    # Clear preferences, as the rule's thresholds expect them.
    clear = raters(15, images=10, strengths=3 * STRENGTHS)
    for seed in range(10):
        noise = random_raters(1, 10, seed=seed)
        mean = np.concatenate([clear, noise]).mean(axis=0)
        per_method = np.corrcoef(noise[0].mean(0), mean.mean(0))[0, 1]
        found = [o.rater for o in screen_p910(np.concatenate([clear, noise]))]
        # By luck a random rater's means may look right; the rule lets that one pass.
        assert found == ([15] if per_method < 0.8 else [])


@pytest.mark.parametrize("screen", [screen_chance, screen_p910])
def test_reversed_rater_is_screened_out(screen):
    scores = raters(10, strengths=3 * STRENGTHS)
    mixed = np.concatenate([scores, 5 - scores[:1]])
    assert [one.rater for one in screen(mixed)] == [10]


def test_bt500_finds_who_deviates_to_both_sides():
    rng = np.random.default_rng(3)
    honest = ranks(np.arange(8) + rng.normal(size=(40, 20, 8)))
    found = screen_bt500(np.concatenate([honest, random_raters(1, methods=8)]))
    assert [one.rater for one in found] == [40]


@pytest.mark.parametrize("screen", [screen_chance, screen_p910, screen_bt500])
def test_nobody_is_screened_where_all_agree_or_few_are_there(screen):
    assert screen(np.tile([4, 3, 2, 1], (6, 5, 1))) == []
    assert screen(random_raters(2)) == []
