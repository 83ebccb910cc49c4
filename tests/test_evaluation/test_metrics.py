"""The metrics as MMEngine runs them: per image, averaged, beside the task's own."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from mmengine.evaluator import Evaluator
from mmengine.structures import BaseDataElement, PixelData

from mmdenoise.evaluation import PSNR, SSIM, psnr, ssim


def sample(level, size=(12, 14), clean_level=100, **more):
    """A flat clean image, and as denoised the same but for `level` in one corner."""
    clean = torch.full((3, *size), clean_level / 255)
    denoised = clean.clone()
    denoised[:, :6, :6] = level / 255
    return dict(denoised=denoised, clean=clean, img_path="some/photo.png", **more)


def evaluate(metric, samples):
    metric.process(data_batch={}, data_samples=samples)
    return metric.evaluate(len(samples))


def test_psnr_is_averaged_over_images_and_not_over_pixels():
    samples = [sample(90), sample(160, size=(30, 31)), sample(20, size=(11, 11))]
    each = [psnr(s["denoised"], s["clean"]) for s in samples]
    assert max(each) - min(each) > 5, "the test needs images of different scores"
    metrics = evaluate(PSNR(), samples)
    assert metrics == {"PSNR": pytest.approx(sum(each) / 3, abs=1e-12)}


def test_ssim_is_averaged_over_images():
    samples = [sample(90), sample(160, size=(30, 31)), sample(20, size=(11, 11))]
    each = [ssim(s["denoised"], s["clean"]) for s in samples]
    assert max(each) - min(each) > 0.05, "the test needs images of different scores"
    metrics = evaluate(SSIM(), samples)
    assert metrics == {"SSIM": pytest.approx(sum(each) / 3, abs=1e-12)}


def test_batches_add_up():
    one, two = PSNR(), PSNR()
    samples = [sample(90), sample(60), sample(30)]
    one.process({}, samples)
    two.process({}, samples[:1])
    two.process({}, samples[1:])
    assert one.evaluate(3) == two.evaluate(3)


def test_exact_images_are_counted_beside_the_mean():
    inexact = sample(90)
    expected = psnr(inexact["denoised"], inexact["clean"])
    metrics = evaluate(PSNR(), [sample(100), inexact, sample(100)])
    assert metrics == {"PSNR": pytest.approx(expected), "PSNR_exact": 2}


def test_all_images_exact():
    samples = [sample(100), sample(100)]
    assert evaluate(PSNR(), samples) == {"PSNR": math.inf, "PSNR_exact": 2}
    assert evaluate(SSIM(), samples) == {"SSIM": pytest.approx(1, abs=1e-12)}


@pytest.mark.parametrize("metric", [PSNR, SSIM])
def test_no_images_have_no_mean(metric):
    metrics = metric().evaluate(0)
    assert list(metrics) == [metric.__name__]
    assert math.isnan(metrics[metric.__name__])


@pytest.mark.parametrize("metric", [PSNR, SSIM])
def test_results_are_plain_floats(metric):
    metric = metric()
    metric.process({}, [sample(90), sample(100)])
    assert [type(value) for value in metric.results] == [float, float]


def test_prefix():
    assert list(evaluate(PSNR(prefix="image"), [sample(100)])) == [
        "image/PSNR",
        "image/PSNR_exact",
    ]


def test_the_noisy_image_can_be_scored_in_the_same_run():
    item = sample(90)
    item["noisy"] = sample(30)["denoised"]
    evaluator = Evaluator(
        [
            dict(type="mmdenoise.PSNR"),
            dict(type="mmdenoise.PSNR", image_field="noisy"),
            dict(type="mmdenoise.SSIM", image_field="noisy", prefix="input"),
        ]
    )
    evaluator.process([item])
    assert evaluator.evaluate(1) == {
        "PSNR": pytest.approx(psnr(item["denoised"], item["clean"])),
        "noisy/PSNR": pytest.approx(psnr(item["noisy"], item["clean"])),
        "input/SSIM": pytest.approx(ssim(item["noisy"], item["clean"])),
    }


@pytest.mark.parametrize("metric", [PSNR, SSIM])
@pytest.mark.parametrize("given", ["absent", "none"])
def test_a_missing_clean_image_is_an_error(metric, given):
    item = sample(90)
    if given == "absent":
        del item["clean"]
    else:
        item["clean"] = None
    name = metric.__name__
    message = rf"{name} of some/photo.png: it needs the clean image .* noise=None"
    with pytest.raises(ValueError, match=message) as caught:
        metric().process({}, [item])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("metric", [PSNR, SSIM])
def test_a_missing_image_is_an_error_that_lists_what_is_there(metric):
    item = sample(90)
    del item["denoised"]
    with pytest.raises(ValueError, match=r"no 'denoised'; it has \['clean', 'img_p"):
        metric().process({}, [item])


def test_what_can_not_be_compared_is_named():
    item = sample(90)
    item["denoised"] = item["denoised"][:, :-1]
    with pytest.raises(ValueError, match=r"PSNR of some/photo.png: .*\(3, 11, 14\)"):
        PSNR().process({}, [item])
    item = sample(90, size=(8, 9))
    with pytest.raises(ValueError, match=r"SSIM of some/photo.png: .* 8x9 "):
        SSIM().process({}, [item])


def test_gpu_collection_may_not_have_a_folder():
    with pytest.raises(ValueError, match="collect_device"):
        PSNR(collect_device="gpu", collect_dir="somewhere")


def test_beside_the_segmentation_metric_in_one_evaluator():
    pytest.importorskip("mmseg.evaluation")
    evaluator = Evaluator(
        [
            dict(type="mmseg.IoUMetric", iou_metrics=["mIoU"]),
            dict(type="mmdenoise.PSNR"),
            dict(type="mmdenoise.SSIM"),
        ]
    )
    evaluator.dataset_meta = dict(classes=("background", "thing"))
    samples, scores = [], []
    for level in (90, 40):
        item = sample(level)
        scores.append([f(item["denoised"], item["clean"]) for f in (psnr, ssim)])
        truth = torch.zeros(1, 12, 14, dtype=torch.long)
        truth[..., 7:] = 1
        predicted = truth.clone()
        predicted[..., :6, 7:] = 0
        element = BaseDataElement(metainfo=dict(img_path=item["img_path"]))
        element.denoised, element.clean = item["denoised"], item["clean"]
        element.gt_sem_seg = PixelData(data=truth)
        element.pred_sem_seg = PixelData(data=predicted)
        samples.append(element)
    evaluator.process(samples)
    metrics = evaluator.evaluate(2)
    # Background: 84 of 126 right; thing: 42 of 84.
    assert metrics["mIoU"] == pytest.approx((84 / 126 + 42 / 84) / 2 * 100, abs=0.01)
    assert metrics["PSNR"] == pytest.approx((scores[0][0] + scores[1][0]) / 2)
    assert metrics["SSIM"] == pytest.approx((scores[0][1] + scores[1][1]) / 2)


RANK_SCRIPT = """
import json, sys
import torch
from mmdenoise.evaluation import PSNR

rank = int(sys.argv[1])
# Not MMEngine's init_dist, which insists on a GPU.
torch.distributed.init_process_group(
    "gloo", init_method="file://" + sys.argv[2], rank=rank, world_size=2
)
clean = torch.full((3, 12, 12), 100 / 255)
# Three images on two ranks, the sampler repeats the first to make the ranks even.
metric = PSNR(collect_dir=sys.argv[3])
for level in ([110, 130], [120, 110])[rank]:
    image = torch.full((3, 12, 12), level / 255)
    metric.process({}, [dict(denoised=image, clean=clean)])
print(json.dumps(metric.evaluate(3)))
torch.distributed.barrier()
torch.distributed.destroy_process_group()
"""


@pytest.mark.slow
def test_two_ranks_agree_with_one(tmp_path):
    root = str(Path(__file__).parents[2])
    search = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    ranks = []
    for rank in range(2):
        env = dict(os.environ, PYTHONPATH=search, OMP_NUM_THREADS="1")
        command = [sys.executable, "-c", RANK_SCRIPT, str(rank)]
        command += [str(tmp_path / "store"), str(tmp_path / "collected")]
        ranks.append(
            subprocess.Popen(
                command,
                env=env,
                text=True,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
        )
    outputs = [process.communicate(timeout=300) for process in ranks]
    assert [process.returncode for process in ranks] == [0, 0], outputs
    expected = sum(20 * math.log10(255 / step) for step in (10, 20, 30)) / 3
    for stdout, _ in outputs:
        metrics = json.loads(stdout.splitlines()[-1])
        assert metrics == {"PSNR": pytest.approx(expected, abs=1e-9)}
