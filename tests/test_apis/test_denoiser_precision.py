"""``--precision`` of what tests, compares and predicts: which one runs, and is said."""

from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.runner import Runner

from mmdenoise import precision
from mmdenoise.apis.compare import compare
from mmdenoise.apis.denoiser_precision import precision_in, with_precision
from mmdenoise.apis.noise_columns import gaussian_columns
from mmdenoise.apis.predict import predict_files, predict_image
from mmdenoise.apis.sweep import sweep
from mmdenoise.apis.testing import evaluate_heads
from mmdenoise.evaluation import kept_cells as cells

ZOO = "multiscale_sigma60"
NETWORK = "mmdenoise.MultiScaleDenoiser"


@pytest.fixture(autouse=True)
def instructions(monkeypatch):
    """Say what the CPU has; PyTorch computes in bfloat16 on any, if slowly."""

    def instructions(there):
        monkeypatch.setattr(precision, "_cpu_has_it", lambda: there)

    instructions(True)
    return instructions


@pytest.fixture
def runs(monkeypatch):
    """The precision of each test that was really run."""
    found = []

    class Counted(Runner):
        def test(self):
            found.append(self.model.denoiser_precision)
            return super().test()

    monkeypatch.setattr(cells, "Runner", Counted)
    return found


@pytest.fixture
def photo(world):
    return str(sorted(Path(world.data, "JPEGImages").iterdir())[0])


@pytest.mark.parametrize(
    "own, asked, auto, there, expected",
    [
        (None, "auto", "float32", True, "float32"),
        (None, "auto", "auto", True, "bfloat16"),
        (None, "auto", "auto", False, "float32"),
        (None, "bfloat16", "float32", True, "bfloat16"),
        ("bfloat16", "auto", "float32", True, "bfloat16"),
        ("float32", "auto", "auto", True, "float32"),
        ("bfloat16", "float32", "auto", True, "float32"),
    ],
)
def test_which_one(instructions, own, asked, auto, there, expected):
    instructions(there)
    model = {} if own is None else dict(denoiser_precision=own)
    cfg = Config(dict(model=model))
    found = with_precision(cfg, asked, auto, "cpu")
    assert precision_in(found) == expected
    # A kept result is found again, whether its config says the default or nothing.
    assert ("denoiser_precision" in found.model) is (expected == "bfloat16")
    assert cfg.model == model


def test_cells_of_one_precision_are_not_read_for_the_other(world, runs, tmp_path):
    def run(**more):
        out = str(tmp_path / "out")
        return compare(world.config(), dict(zoo=ZOO), out, overwrite=True, **more)

    first = run()
    assert first.endswith("\n\nDenoised in float32.") and runs == ["float32"] * 3
    other = run(precision="bfloat16")
    assert other.endswith("\n\nDenoised in bfloat16.")
    assert runs == ["float32"] * 3 + ["bfloat16"] * 3
    # Both are kept.
    assert run(precision="float32") == first and run(precision="bfloat16") == other
    assert len(runs) == 6
    psnr = [float(_row(text, "zoo")[-1]) for text in (first, other)]
    assert psnr[0] == pytest.approx(psnr[1], abs=0.05)
    for name in ("clean", "noisy"):
        assert _row(first, name) == _row(other, name), "of the head alone"


def _row(text, name):
    (line,) = (line for line in text.splitlines() if line.startswith(f"| {name} |"))
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_heads_say_it(world, tmp_path):
    cfg = world.config(NETWORK)
    cfg.pop("train_dataloader")
    text = evaluate_heads(dict(a=cfg), ZOO, str(tmp_path), precision="bfloat16")
    assert text.endswith("\n\nDenoised in bfloat16.")
    assert "denoiser_precision" not in cfg.model


def test_pictures_are_nearly_the_same(world, photo):
    """To the bit in float32, which is Python's default."""
    cfg = world.config()
    plain, exact, faster = (
        predict_image(cfg, ZOO, photo, **more).denoised
        for more in ({}, dict(precision="float32"), dict(precision="bfloat16"))
    )
    assert plain.equal(exact)
    assert 0 < 255 * (exact - faster).square().mean().sqrt() < 0.6


@pytest.mark.parametrize(
    "source, there, more, expected",
    [
        (ZOO, True, {}, "bfloat16"),
        (ZOO, False, {}, "float32"),
        (ZOO, True, dict(precision="float32"), "float32"),
        ("IdentityDenoiser", True, dict(precision="bfloat16"), "float32"),
    ],
)
def test_files_say_which(
    world, photo, tmp_path, instructions, source, there, more, expected
):
    instructions(there)
    said = []
    given = [photo], str(tmp_path / "out")
    predict_files(world.config(), source, *given, say=said.append, **more)
    assert said[0] == f"denoising in {expected}"


def test_what_the_machine_lacks_is_one_line(
    world, command, photo, tmp_path, monkeypatch, instructions, runs
):
    instructions(False)
    monkeypatch.chdir(tmp_path)
    world.config().dump("cascade.py")
    for given in (
        ["compare", "cascade.py", "--out", "out"],
        ["sweep", "cascade.py", "--out", "out"],
        ["test", "cascade.py", ZOO],
        ["predict", "cascade.py", ZOO, photo, "--out", "out"],
    ):
        run = command(*given, "--precision", "bfloat16")
        assert run.code == 1, given
        (line,) = (line for line in run.err.splitlines() if "error:" in line)
        assert "the device 'cpu' has no instructions for it" in line, given
    assert runs == []


def test_test_says_it(world, command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cfg = world.config(NETWORK)
    cfg.pop("train_dataloader")
    cfg.dump("cascade.py")
    for source, option, expected in (
        (ZOO, "auto", "float32"),
        (ZOO, "bfloat16", "bfloat16"),
    ):
        run = command("test", "cascade.py", source, "--precision", option)
        assert run.code == 0, run.err
        assert run.out.splitlines()[-1] == f"denoised in {expected}"
    cfg.model = Config.fromfile(world.head).model
    cfg.dump("head.py")
    given = "test", "head.py", world.head_checkpoint
    run = command(*given, "--precision", "bfloat16")
    assert run.code == 1 and "is no cascade's config" in run.err


def test_a_sweep_takes_it(world, runs, tmp_path):
    given = dict(seg=world.config()), {}, str(tmp_path), gaussian_columns([60])
    text = sweep(*given, resamples=5, precision="bfloat16")
    assert "Denoised in bfloat16.\n" in text and set(runs) == {"bfloat16"}
