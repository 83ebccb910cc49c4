"""Arms on the same images under the same noise: results, tables, intervals."""

import logging
import math

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.evaluator import BaseMetric, Evaluator
from mmengine.logging import MMLogger
from mmengine.runner import Runner
from PIL import Image

from mmdenoise.evaluation import comparison
from mmdenoise.evaluation.comparison import (
    Arm,
    ArmResult,
    bootstrap,
    columns,
    evaluate_arm,
    summary,
    table,
)
from mmdenoise.registry import MODELS


class Mean(BaseMetric):
    """The mean of numbers, under a key."""

    def __init__(self, key="score"):
        super().__init__()
        self.key = key
        self.seen = []
        self.level = None

    def process(self, data_batch, data_samples):
        raise NotImplementedError

    def compute_metrics(self, results):
        self.seen.append(list(results))
        self.level = MMLogger.get_current_instance().level
        return {self.key: sum(results) / len(results)}


def results(*lists):
    """One result a noise seed, of one metric."""
    return [ArmResult({}, [list(values)]) for values in lists]


# Bootstrap


def test_identical_arms_differ_by_nothing():
    arm = results([1.0, 5.0, 2.0], [3.0, 4.0, 2.0])
    found = bootstrap(Evaluator([Mean()]), arm, arm, resamples=50)
    assert found == {"score": (0.0, 0.0, 0.0)}


def test_a_constant_shift_has_no_spread():
    """Images are paired: what they have in common cancels, however much they vary."""
    values = [1.0, 50.0, -300.0, 7.0]
    ours = results([value + 2.5 for value in values])
    found = bootstrap(Evaluator([Mean()]), ours, results(values), resamples=50)
    assert found["score"] == pytest.approx((2.5, 2.5, 2.5))


def test_intervals_are_named_as_the_metrics_are():
    """MMEngine puts a metric's prefix before its keys: accuracy/top1."""
    metric = Mean("top1")
    metric.prefix = "accuracy"
    metric.results = [1.0, 3.0]
    (key,) = metric.evaluate(2)
    found = bootstrap(Evaluator([metric]), results([1, 9]), results([1, 5]), 50)
    assert list(found) == [key] == ["accuracy/top1"]
    assert found[key][0] == 2.0


def test_two_images_by_hand():
    """Differences 0 and 4: resampled means are 0, 2 or 4 (1, 2 and 1 in 4)."""
    found = bootstrap(Evaluator([Mean()]), results([1, 9]), results([1, 5]), 400)
    assert found["score"] == (2.0, 0.0, 4.0)


def test_the_interval_of_many_images_is_the_textbooks():
    """For a mean, 1.96 standard errors on each side."""
    generator = np.random.default_rng(1)
    difference = generator.normal(0.3, 2.0, 400)
    common = generator.normal(0, 50.0, 400)
    value, low, high = bootstrap(
        Evaluator([Mean()]), results(common + difference), results(common), 1000
    )["score"]
    error = difference.std() / 400**0.5
    assert value == pytest.approx(difference.mean())
    assert low == pytest.approx(difference.mean() - 1.96 * error, abs=0.2 * error)
    assert high == pytest.approx(difference.mean() + 1.96 * error, abs=0.2 * error)


def test_one_draw_serves_both_arms_and_all_seeds():
    """Entries that name their image show which images were drawn."""
    metric = Mean()
    arm = results(range(7), range(7))
    bootstrap(Evaluator([metric]), arm, arm, resamples=5)
    calls = [metric.seen[start : start + 4] for start in range(0, 24, 4)]
    assert len(metric.seen) == 24, "6 draws, 2 arms, 2 seeds"
    assert all(one == draw[0] for draw in calls for one in draw)
    assert calls[0][0] == list(range(7)), "the first one is every image once"
    drawn = [tuple(draw[0]) for draw in calls[1:]]
    assert len(set(drawn)) == 5
    assert any(len(set(draw)) < 7 for draw in drawn), "with replacement"


def test_seeds_are_averaged():
    ours, theirs = results([4.0, 4.0], [8.0, 8.0]), results([1.0, 1.0])
    found = bootstrap(Evaluator([Mean()]), ours, theirs, resamples=10)
    assert found["score"] == pytest.approx((5.0, 5.0, 5.0))


def test_each_metric_has_its_own_entries():
    evaluator = Evaluator([Mean("one"), Mean("two")])
    ours = [ArmResult({}, [[1.0, 1.0], [30.0, 30.0]])]
    theirs = [ArmResult({}, [[0.0, 0.0], [10.0, 10.0]])]
    found = bootstrap(evaluator, ours, theirs, resamples=10)
    assert found == {"one": (1.0, 1.0, 1.0), "two": (20.0, 20.0, 20.0)}


def test_a_resampling_repeats_itself():
    arms = results([1.0, 5.0, 2.0, 7.0]), results([2.0, 3.0, 3.0, 3.0])
    first = bootstrap(Evaluator([Mean()]), *arms, resamples=30)
    assert bootstrap(Evaluator([Mean()]), *arms, resamples=30) == first
    other = bootstrap(Evaluator([Mean()]), *arms, resamples=30, seed=1)
    assert other["score"][0] == first["score"][0] and other != first


def test_metrics_are_quiet_meanwhile_and_the_logger_is_as_it_was():
    logger = MMLogger.get_instance("test_comparison")
    before = logging.INFO
    logger.setLevel(before)
    metric = Mean()
    bootstrap(Evaluator([metric]), results([1.0]), results([1.0]), resamples=2)
    assert metric.level == logging.ERROR
    assert logger.level == before

    class Broken(Mean):
        def compute_metrics(self, results):
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        bootstrap(Evaluator([Broken()]), results([1.0]), results([1.0]), resamples=2)
    assert logger.level == before


# Summaries and tables


def test_summary():
    found = summary(
        [ArmResult(dict(mIoU=value, PSNR=30.0), []) for value in (1.0, 2.0, 6.0)],
        ["mIoU", "PSNR", "SSIM"],
    )
    # Sample standard deviation: ((2 + 1 + 3)^2 ... by hand: sqrt((4 + 1 + 9) / 2).
    assert found["mIoU"] == pytest.approx((3.0, math.sqrt(7)))
    assert found["PSNR"] == (30.0, 0.0)
    assert "SSIM" not in found, "what was not measured is no number"


def test_summary_of_one_seed_has_no_spread():
    assert summary([ArmResult(dict(mIoU=5.0), [])], ["mIoU"]) == {"mIoU": (5.0, 0.0)}


def test_table():
    rows = dict(
        clean={"mIoU": (78.9, 0.0), "PSNR": (math.inf, math.nan), "SSIM": (1.0, 0.0)},
        joint={"mIoU": (50.126, 1.5), "PSNR": (26.0, 0.0), "SSIM": (0.71236, 0.0004)},
    )
    assert table(rows, ["mIoU", "PSNR", "SSIM"]).splitlines() == [
        "| | mIoU | PSNR | SSIM |",
        "|---|---:|---:|---:|",
        "| clean | 78.90 | exact | 1.0000 |",
        "| joint | 50.13 ± 1.50 | 26.00 | 0.7124 ± 0.0004 |",
    ]


def test_the_table_of_exact_images_from_their_results():
    """Two exact runs have no spread to speak of: inf minus inf is not a number."""
    exact = [ArmResult(dict(PSNR=math.inf), [])] * 2
    assert summary(exact[:1], ["PSNR"])["PSNR"] == (math.inf, 0.0)
    with np.errstate(invalid="ignore"):
        text = table(dict(clean=summary(exact, ["PSNR"])), ["PSNR"])
    assert text.splitlines()[-1] == "| clean | exact |"


def test_rows_of_other_tasks_and_columns_for_all_of_them():
    metrics = dict(
        seg={"mIoU": 78.9, "PSNR": math.inf, "PSNR_exact": 3.0},
        cls={"accuracy/top1": 91.25, "PSNR": 26.0, "PSNR_exact": 1.0},
        depth={"abs_rel": 0.05123, "PSNR": 25.0},
    )
    assert columns([metrics["seg"], metrics["depth"]]) == ["mIoU", "PSNR", "abs_rel"]
    keys = columns(metrics.values())
    assert keys == ["mIoU", "PSNR", "accuracy/top1", "PSNR_exact", "abs_rel"]
    rows = {
        name: summary([ArmResult(row, [])], keys[:-2] + keys[-1:])
        for name, row in metrics.items()
    }
    assert table(rows, keys).splitlines()[2:] == [
        "| seg | 78.90 | exact | – | – | – |",
        "| cls | – | 26.00 | 91.25 | – | – |",
        "| depth | – | 25.00 | – | – | 0.0512 |",
    ]


# One arm through a Runner


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
def runs(monkeypatch):
    """Names of the experiments that were really run."""
    names = []
    build = Runner.from_cfg

    def counted(cfg):
        names.append(cfg.experiment_name)
        return build(cfg)

    monkeypatch.setattr(comparison.Runner, "from_cfg", counted)
    return names


def test_an_arm_is_evaluated_once(cfg, checkpoint, runs, tmp_path, capsys):
    arm = Arm("ours", dict(denoiser_checkpoint=checkpoint(0.02)))
    before = cfg.pretty_text
    first = evaluate_arm(cfg, arm, 0, str(tmp_path / "out"))
    assert len(runs) == 1
    assert "ours, noise seed 0: 2/2" in capsys.readouterr().out
    assert set(first.metrics) == {"PSNR"}
    assert [len(entries) for entries in first.per_image] == [3]
    assert np.mean(first.per_image[0]) == pytest.approx(first.metrics["PSNR"])
    assert evaluate_arm(cfg, arm, 0, str(tmp_path / "out")) == first
    assert len(runs) == 1, "the second result is read"
    assert cfg.pretty_text == before, "the caller's config is as it was"


def test_a_checkpoint_of_other_bytes_is_another_result(cfg, checkpoint, runs, tmp_path):
    arm = Arm("ours", dict(denoiser_checkpoint=checkpoint(0.02)))
    first = evaluate_arm(cfg, arm, 0, str(tmp_path / "out"))
    assert checkpoint(0.3) == arm.model["denoiser_checkpoint"], "the same path"
    second = evaluate_arm(cfg, arm, 0, str(tmp_path / "out"))
    assert len(runs) == 2
    assert second.metrics["PSNR"] < first.metrics["PSNR"] - 1
    # And the first one is still there for the first bytes.
    checkpoint(0.02)
    assert evaluate_arm(cfg, arm, 0, str(tmp_path / "out")) == first
    assert len(runs) == 2


def test_what_else_makes_another_result(cfg, runs, tmp_path):
    arm = Arm("ours", {})
    first = evaluate_arm(cfg, arm, 0, str(tmp_path))
    other_seed = evaluate_arm(cfg, arm, 1, str(tmp_path))
    assert other_seed.per_image != first.per_image
    stronger = evaluate_arm(cfg, Arm("ours", dict(noise=dict(sigma=60))), 0, tmp_path)
    assert stronger.metrics["PSNR"] < first.metrics["PSNR"]
    cfg.test_dataloader.dataset.first = 2
    assert len(evaluate_arm(cfg, arm, 0, str(tmp_path)).per_image[0]) == 2
    assert len(runs) == 4


def test_a_heads_config_that_changed_is_another_result(
    cfg, seg_config, save_head, tmp_path
):
    cfg.model.head, cfg.model.head_checkpoint = save_head(tmp_path, seg_config())
    before = comparison._digest(cfg)
    assert comparison._digest(cfg) == before
    save_head(tmp_path, seg_config(test_cfg=dict(mode="slide", crop_size=(8, 8))))
    assert comparison._digest(cfg) != before


def test_arms_without_noise_or_denoiser(cfg, tmp_path):
    """The rows that need no checkpoint replace parts of the model whole."""
    identity = dict(_delete_=True, type="mmdenoise.IdentityDenoiser")
    noise = dict(_delete_=True, type="mmdenoise.GaussianNoise", sigma=0)
    clean = Arm("clean", dict(denoiser=identity, noise=noise))
    found = evaluate_arm(cfg, clean, 0, str(tmp_path))
    assert found.metrics == {"PSNR": math.inf, "PSNR_exact": 3.0}
    assert evaluate_arm(cfg, clean, 0, str(tmp_path)) == found, "from the file, too"
    noisy = evaluate_arm(cfg, Arm("noisy", dict(denoiser=identity)), 0, str(tmp_path))
    # sigma 30: 18.6 dB, a little more for what clipping takes away.
    assert 18 < noisy.metrics["PSNR"] < 20.5
