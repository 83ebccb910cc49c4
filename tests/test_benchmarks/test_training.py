"""What a training costs: why a variant has no numbers."""

import signal

import pytest

from mmdenoise.benchmarks.training import _reason


@pytest.mark.parametrize(
    "code, written, expected",
    [
        (1, "warning\nerror: no such tap\n(--traceback shows where)\n", "no such tap"),
        (-signal.SIGKILL, "warning\n", "it was killed by SIGKILL: memory was short?"),
        (
            2,
            "usage: x\nmmdenoise: error: bad\n",
            "it ended with code 2: mmdenoise: err",
        ),
        (3, "", "it ended with code 3: it said nothing"),
    ],
)
def test_a_reason_is_what_happened(code, written, expected):
    assert _reason(code, written).startswith(expected)
