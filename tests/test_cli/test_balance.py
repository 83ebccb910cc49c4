"""``mmdenoise balance``: weights that pull equally."""

import pytest


def test_loss_balance(tool, tiny):
    run = tool("balance", tiny.config, "--batches", 1)
    assert run.code == 0, run.err
    assert run.out.splitlines()[-1].startswith(
        'loss=dict(type="mmdenoise.JointLoss", perceptual='
    )
    rows = [line.split("|") for line in run.out.splitlines() if line.startswith("|")]
    assert [row[1].strip() for row in rows[2:]] == [
        "reconstruction",
        "perceptual",
        "task",
    ]
    pulls = [float(row[3]) for row in rows[2:]]
    weights = [float(row[4]) for row in rows[2:]]
    assert weights == pytest.approx([pulls[0] / pull for pull in pulls], rel=0.06)
