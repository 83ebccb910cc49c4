"""Table I's designs: our counts beside the paper's, and weights where there are any."""

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmdenoise.benchmarks import designs as module
from mmdenoise.benchmarks.designs import (
    ablation,
    ablation_csv,
    ablation_table,
    describe,
)
from mmdenoise.benchmarks.published import DESIGNS
from mmdenoise.weights.zoo import zoo_file

CHOSEN = "3-skip-128-256"
ROWS = {design.name: describe(design) for design in DESIGNS}


def test_the_chosen_design():
    row = ROWS[CHOSEN]
    assert row.conv_parameters == 1_030_883 and row.parameters == 1_033_443
    assert row.multiply_adds == 220_544
    assert (row.field, row.reach) == (39, 22)


def test_twelve_designs_and_what_they_share():
    assert len(ROWS) == 12
    # The skip is an addition: neither parameters nor multiply-adds.
    for scales in (2, 3, 4):
        one, other = (ROWS[f"{scales}-{s}-128-256"] for s in ("skip", "noskip"))
        assert one[1:5] == other[1:5]
    # With a 128-wide decoder the paper's 592k, but for the stem.
    assert ROWS["3-skip-128-128"].conv_parameters == 596_707
    fields = [ROWS[f"{scales}-skip-128-256"].field for scales in (2, 3, 4)]
    assert fields == sorted(set(fields))


@pytest.fixture
def timed():
    return [
        row._replace(seconds=[2.0 * (i + 1)]) for i, row in enumerate(ROWS.values())
    ]


def test_the_table(timed):
    lines = ablation_table(timed).splitlines()
    assert len(lines) == 14
    base = [row.design.name for row in timed].index(CHOSEN)
    cells = [cell.strip() for cell in lines[2 + base].split("|")[1:-1]]
    assert cells[:6] == ["3", "yes", "128", "256", "1,030,883", "1,026k"]
    assert cells[8:] == ["39x39", "22", "1.00", "1.00 to 1.00", "–", "30.83"]
    last = [cell.strip() for cell in lines[-1].split("|")[1:-1]]
    assert last[10] == f"{12 / (base + 1):.2f}"
    rows = list(csv.DictReader(ablation_csv(timed).splitlines()))
    assert [row["design"] for row in rows] == [d.name for d in DESIGNS]
    assert rows[base]["paper_parameters"] == "1026000"


def test_weights_are_scored(tmp_path, monkeypatch):
    few = tuple(d for d in DESIGNS if d.name in (CHOSEN, "2-skip-128-128"))
    monkeypatch.setattr(module, "DESIGNS", few)
    (tmp_path / "set").mkdir()
    pixels = np.full((40, 48, 3), 120, np.uint8)
    Image.fromarray(pixels).save(tmp_path / "set" / "a.png")
    weights = {CHOSEN: zoo_file("multiscale_sigma35")}
    out = str(tmp_path / "out")
    data = ("mine", str(tmp_path / "set"))
    text = ablation(out, weights, data, size=(16, 16), rounds=1)
    assert Path(out, "ablation.md").read_text() == text + "\n"
    with open(Path(out, "ablation.csv")) as file:
        rows = {row["design"]: row for row in csv.DictReader(file)}
    assert 35 < float(rows[CHOSEN]["psnr"]) < 60
    assert rows["2-skip-128-128"]["psnr"] == ""


def test_what_is_wrong_is_named(tmp_path):
    with pytest.raises(ValueError, match="no design is called 'x'"):
        ablation(str(tmp_path), dict(x="a.pth"))
    weights = {"2-skip-128-128": zoo_file("multiscale_sigma35")}
    with pytest.raises(ValueError, match="weights were given and no images"):
        ablation(str(tmp_path), weights)
    with pytest.raises(RuntimeError, match="scales=2"):
        ablation(str(tmp_path), weights, ("mine", str(tmp_path)))


def test_tables_of_an_earlier_run_stay(tmp_path, capsys):
    from mmdenoise.cli.main import main

    (tmp_path / "ablation.csv").write_text("mine")
    arguments = ["benchmark", "designs", "--size", "8x8", "--out", str(tmp_path)]
    assert main(arguments) == 1
    assert "ablation.csv' exists already" in capsys.readouterr().err
    assert (tmp_path / "ablation.csv").read_text() == "mine"
    # The folder is tried before the minutes of timing, too.
    assert main([*arguments[:-1], str(tmp_path / "ablation.csv" / "below")]) == 1
    assert "is a file, not a folder" in capsys.readouterr().err
