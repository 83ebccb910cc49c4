"""``mmdenoise export``: a denoiser file works wherever its checkpoint does."""

from pathlib import Path

import pytest

from mmdenoise.weights.denoiser_file import read_denoiser_info
from tests.fixtures.commands import metrics_of


@pytest.mark.parametrize("kind", ["safetensors", "pth"])
def test_a_release_works_wherever_its_checkpoint_does(tool, tiny, tmp_path, kind):
    assert tool("train", tiny.config).code == 0
    checkpoint, release = tmp_path / "work" / "iter_2.pth", tmp_path / f"x.{kind}"
    run = tool("export", checkpoint, release)
    assert run.code == 0, run.err
    info = read_denoiser_info(str(release))
    said = [f"{key}: {value}" for key, value in info.items()]
    assert sorted(run.out.splitlines()) == sorted([*said, f"written: {release}"])
    assert info["iteration"] == "2" and len(info["head_fingerprint"]) == 64

    expected = metrics_of(tool("test", tiny.config, checkpoint))
    assert metrics_of(tool("test", tiny.config, release)) == expected
    option = [f"model.denoiser_checkpoint={release}"]
    assert metrics_of(tool("test", tiny.config, options=option)) == expected

    photo = next(Path(tiny.data, "JPEGImages").glob("*.png"))
    pictures = []
    for number, path in enumerate((checkpoint, release, tiny.denoiser)):
        out = tmp_path / f"out{number}"
        more = ["--out-dir", out, "--device", "cpu"]
        assert tool("predict", tiny.config, path, photo, *more).code == 0
        pictures.append((out / f"{photo.stem}_denoised.png").read_bytes())
    assert pictures[0] == pictures[1] != pictures[2]


def test_a_release_of_another_architecture(tool, tiny, tmp_path):
    """The weights would fit; what they make of an image would be another."""
    release = tmp_path / "x.safetensors"
    run = tool("export", tiny.denoiser, release, "--config", tiny.config)
    assert run.code == 0, run.err
    options = ["model.denoiser.global_skip=False"]
    found = tool("test", tiny.config, release, options=options).error
    assert found == (
        f"denoiser_checkpoint {str(release)!r} is a denoiser file of "
        "mmdenoise.MultiScaleDenoiser(global_skip=True), and the config builds "
        "mmdenoise.MultiScaleDenoiser(global_skip=False)"
    )


def test_exporting_says_what_is_missing(tool, tiny):
    found = tool("export", tiny.denoiser, "out.pth").error
    assert found.endswith("name the training's config with --config")
    run = tool("export", tiny.denoiser, "out.pth", "--config", "gone.py")
    assert run.error == "there is no config 'gone.py'"
    found = tool("export", "gone.pth", "out.pth").error
    assert found == "checkpoint: there is no file 'gone.pth'"
    run = tool("export", tiny.denoiser, "x.npz", "--config", tiny.config)
    assert "ends in .safetensors or .pth" in run.error
    run = tool("export", tiny.denoiser, "x.pth", "--config", tiny.config)
    assert run.code == 0, run.err
    assert Path("x.pth").is_file() and not Path("out.pth").exists()
