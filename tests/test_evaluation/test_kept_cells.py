"""One method in front of one head: tested, kept, and made anew when it must be."""

import math

import numpy as np
import pytest
import torch
from mmengine.config import Config
from PIL import Image

from mmdenoise.evaluation.kept_cells import Bench, Cell
from mmdenoise.registry import MODELS


@pytest.fixture
def cfg(tmp_path):
    """Denoising of three tiny images, without a head."""
    generator = np.random.default_rng(0)
    (tmp_path / "images").mkdir()
    for index in range(3):
        pixels = generator.integers(0, 256, (16, 18, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "images" / f"{index}.png")
    return Config(
        dict(
            default_scope="mmengine",
            model=dict(
                type="mmdenoise.Cascade",
                denoiser=dict(type="mmdenoise.PointwiseDenoiser"),
                noise=dict(type="mmdenoise.GaussianNoise", sigma=30),
            ),
            test_dataloader=dict(
                batch_size=2,
                num_workers=0,
                sampler=dict(type="DefaultSampler", shuffle=False),
                dataset=dict(
                    type="mmdenoise.CleanImageDataset",
                    data_root=str(tmp_path / "images"),
                    pipeline=[
                        dict(type="mmdenoise.LoadImage"),
                        dict(type="mmdenoise.PackImage"),
                    ],
                ),
            ),
            test_cfg=dict(type="TestLoop"),
            test_evaluator=[dict(type="mmdenoise.PSNR")],
            log_level="ERROR",
        )
    )


@pytest.fixture
def checkpoint(tmp_path):
    """Write a checkpoint of the pointwise denoiser."""

    def write(bias):
        model = MODELS.build(dict(type="mmdenoise.PointwiseDenoiser", bias=bias))
        path = str(tmp_path / "denoiser.pth")
        torch.save(dict(state_dict=model.state_dict()), path)
        return path

    return write


@pytest.fixture
def evaluate(cfg, tmp_path):
    """Evaluate a cell as a command does that begins anew."""

    def result(cell):
        return Bench(cfg, str(tmp_path / "out")).result(cell)

    return result


def test_a_cell_is_evaluated_once(cfg, checkpoint, runs, evaluate, capsys):
    cell = Cell("ours", dict(denoiser_checkpoint=checkpoint(0.02)))
    before = cfg.pretty_text
    first = evaluate(cell)
    assert len(runs) == 1
    assert "ours, noise seed 0: 2/2" in capsys.readouterr().out
    assert set(first.metrics) == {"PSNR"}
    assert [len(entries) for entries in first.per_image] == [3]
    assert np.mean(first.per_image[0]) == pytest.approx(first.metrics["PSNR"])
    assert evaluate(cell) == first
    assert len(runs) == 1, "the second result is read"
    assert cfg.pretty_text == before, "the caller's config is as it was"


def test_a_checkpoint_of_other_bytes_is_another_result(
    checkpoint, runs, evaluate, capsys
):
    cell = Cell("ours", dict(denoiser_checkpoint=checkpoint(0.02)))
    first = evaluate(cell)
    assert "made anew" not in capsys.readouterr().err
    assert checkpoint(0.3) == cell.model["denoiser_checkpoint"], "the same path"
    second = evaluate(cell)
    error = capsys.readouterr().err
    assert "ours, noise seed 0: made anew, changed: weights\n" in error
    assert len(runs) == 2
    assert second.metrics["PSNR"] < first.metrics["PSNR"] - 1
    # And the first one is still there for the first bytes.
    checkpoint(0.02)
    assert evaluate(cell) == first
    assert len(runs) == 2


def test_an_image_of_other_bytes_is_another_result(runs, evaluate, tmp_path, capsys):
    first = evaluate(Cell("ours", {}))
    path = tmp_path / "images" / "1.png"
    pixels = np.asarray(Image.open(path)).copy()
    pixels[0, 0, 0] ^= 1
    Image.fromarray(pixels).save(path)
    second = evaluate(Cell("ours", {}))
    assert "made anew, changed: data\n" in capsys.readouterr().err
    assert len(runs) == 2
    same = [a == b for a, b in zip(first.per_image[0], second.per_image[0])]
    assert same == [True, False, True], "only that image's noise is another"


def test_code_of_other_bytes_makes_another_result(runs, evaluate, monkeypatch, capsys):
    evaluate(Cell("ours", {}))
    monkeypatch.setattr("mmdenoise.__version__", "9.9")
    evaluate(Cell("ours", {}))
    assert "made anew, changed: code\n" in capsys.readouterr().err
    assert len(runs) == 2


def test_how_it_runs_makes_no_other_result(cfg, runs, evaluate):
    first = evaluate(Cell("ours", {}))
    cfg.test_dataloader.num_workers = 1
    cfg.work_dir, cfg.log_level = "elsewhere", "WARNING"
    cfg.train_dataloader = dict(batch_size=7)
    assert evaluate(Cell("ours", {})) == first
    assert len(runs) == 1


def test_what_else_makes_another_result(cfg, runs, evaluate):
    first = evaluate(Cell("ours", {}))
    assert evaluate(Cell("ours", {}, seed=1)).per_image != first.per_image
    stronger = evaluate(Cell("ours", dict(noise=dict(sigma=60))))
    assert stronger.metrics["PSNR"] < first.metrics["PSNR"]
    cfg.test_dataloader.dataset.first = 2
    assert len(evaluate(Cell("ours", {})).per_image[0]) == 2
    assert len(runs) == 4


def test_a_heads_config_that_changed_is_another_result(
    cfg, seg_config, save_head, tmp_path
):
    cfg.model.head, cfg.model.head_checkpoint = save_head(tmp_path, seg_config())
    bench = Bench(cfg, str(tmp_path))
    before = bench._parts(cfg)
    assert bench._parts(cfg) == before
    save_head(tmp_path, seg_config(test_cfg=dict(mode="slide", crop_size=(8, 8))))
    after = bench._parts(cfg)
    assert [name for name in after if after[name] != before[name]] == ["head"]


@pytest.mark.parametrize("content", [b"", b"no checkpoint", None])
def test_a_foreign_or_broken_file_is_named_in_a_line(
    content, runs, evaluate, tmp_path, capsys
):
    first = evaluate(Cell("ours", {}))
    (path,) = (tmp_path / "out").glob("*.pth")
    if content is None:
        torch.save(dict(metrics={"PSNR": 99.0}), path)
    else:
        path.write_bytes(content)
    capsys.readouterr()
    assert evaluate(Cell("ours", {})) == first
    lines = [line for line in capsys.readouterr().err.splitlines() if "anew" in line]
    assert str(path) in lines[0] and lines[0].endswith(": made anew")
    assert len(runs) == 2
    assert evaluate(Cell("ours", {})) == first and len(runs) == 2, "kept again"


def test_cells_without_noise_or_denoiser(evaluate):
    """The rows that need no checkpoint replace parts of the model whole."""
    identity = dict(_delete_=True, type="mmdenoise.IdentityDenoiser")
    noise = dict(_delete_=True, type="mmdenoise.GaussianNoise", sigma=0)
    clean = Cell("clean", dict(denoiser=identity, noise=noise))
    found = evaluate(clean)
    assert found.metrics == {"PSNR": math.inf, "PSNR_exact": 3.0}
    assert evaluate(clean) == found, "from the file, too"
    noisy = evaluate(Cell("noisy", dict(denoiser=identity)))
    # sigma 30: 18.6 dB, a little more for what clipping takes away.
    assert 18 < noisy.metrics["PSNR"] < 20.5


def test_a_test_set_whose_files_cannot_be_told_is_tested_each_time(
    cfg, runs, tmp_path, monkeypatch, capsys
):
    monkeypatch.delattr("mmengine.dataset.BaseDataset.get_data_info")
    monkeypatch.setattr(
        "mmengine.dataset.BaseDataset.prepare_data",
        lambda self, index: self.pipeline(dict(self.data_list[index])),
    )
    cfg.test_dataloader.dataset.serialize_data = False
    bench = Bench(cfg, str(tmp_path / "out"))
    bench.result(Cell("ours", {})), bench.result(Cell("ours", {}))
    assert len(runs) == 2
    assert "nothing is kept for a next time" in capsys.readouterr().err


def test_one_process_alone(cfg, tmp_path):
    cfg.launcher = "pytorch"
    with pytest.raises(ValueError, match="runs in one process: no --launcher pytorch"):
        Bench(cfg, str(tmp_path))
