"""Interleaved rounds, and ratios within a round."""

import pytest

from mmdenoise.benchmarks import timing
from mmdenoise.benchmarks.timing import interleaved_seconds, quartiles, ratios


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still but for what ``work`` adds."""
    now = [0.0]
    monkeypatch.setattr(timing, "_now", lambda: now[0])

    def work(seconds):
        now[0] += seconds

    return work


def test_rounds_are_interleaved_and_the_first_do_not_count(clock):
    order = []

    def function(name, taken):
        taken = iter(taken)

        def run():
            order.append(name)
            clock(next(taken))

        return run

    seen = []
    functions = dict(a=function("a", [9, 1, 2]), b=function("b", [9, 3, 5]))
    found = interleaved_seconds(
        functions, rounds=2, warm_up=1, after=lambda *args: seen.append(args)
    )
    assert order == ["a", "b"] * 3
    assert found == dict(a=[1, 2], b=[3, 5])
    assert seen == [("a", 9), ("b", 9), ("a", 1), ("b", 3), ("a", 2), ("b", 5)]
    assert ratios(found["b"], found["a"]) == [3, 2.5]


def test_quartiles_are_interpolated():
    assert quartiles([4.0, 1.0, 3.0, 2.0]) == (1.75, 2.5, 3.25)
    assert quartiles([5.0]) == (5, 5, 5)


@pytest.mark.parametrize("rounds, warm_up", [(0, 1), (1, -1)])
def test_wrong_numbers(rounds, warm_up):
    with pytest.raises(ValueError, match="at least 1 round"):
        interleaved_seconds({}, rounds, warm_up)
