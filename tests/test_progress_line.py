"""The time left, reckoned; lines are looked at through the hook that shows them."""

from mmdenoise.progress_line import TimeLeft


def test_time_left_by_the_pace_of_each_kind():
    left = TimeLeft(dict(slow=3, quick=2, unknown=1))
    assert (left.total, left.seconds()) == (6, 0)
    left.step("slow", 10)
    # One pace is known: the others are taken to have it.
    assert left.seconds() == 2 * 10 + 2 * 10 + 10
    left.step("quick", 2)
    assert left.seconds() == 2 * 10 + 1 * 2 + (10 + 2) / 2
    # Found done, or failed: it says nothing of the pace.
    left.step("slow")
    assert left.seconds() == 10 + 2 + 6 and left.done == 3
