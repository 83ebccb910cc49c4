"""``mmdenoise predict``: what it writes, and what is not there."""

from pathlib import Path


def test_predict(tool, tiny, tmp_path):
    photo = next(Path(tiny.data, "JPEGImages").glob("*.png"))
    run = tool(
        *("predict", tiny.config, tiny.denoiser, photo),
        *("--out-dir", tmp_path / "out", "--device", "cpu"),
    )
    assert run.code == 0, run.err
    files = sorted(path.name for path in (tmp_path / "out").iterdir())
    kinds = ("denoised.png", "labels.png", "overlay.png", "prediction.json")
    assert files == [f"{photo.stem}_{kind}" for kind in kinds]
    seen, where = run.out.splitlines()[-2:]
    assert seen.startswith(f"{photo}: ") and "%" in seen
    assert where == f"written to {tmp_path / 'out'}"


def test_predicting_what_is_not_there(tool, tiny, truncated):
    found = tool("predict", tiny.config, tiny.denoiser, "gone.png").error
    assert found == "there is no file or folder 'gone.png'"
    found = tool("predict", tiny.config, tiny.denoiser, truncated[1]).error
    assert found.startswith(f"cannot read the image '{truncated[1]}': ")
