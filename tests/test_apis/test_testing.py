"""One denoiser in front of several heads: one table, each head's own metrics."""

import csv
import math
from pathlib import Path

import pytest
import torch
from mmengine.config import Config

pytest.importorskip("mmpretrain")

from mmdenoise.apis import testing  # noqa: E402
from mmdenoise.apis.testing import evaluate_heads, use_checkpoint  # noqa: E402
from mmdenoise.datasets.textured_classes import make_class_dataset  # noqa: E402
from mmdenoise.registry import MODELS  # noqa: E402
from mmdenoise.weights.denoiser_file import write_denoiser_file  # noqa: E402

ROOT = Path(__file__).parents[2]
POINTWISE = dict(type="mmdenoise.PointwiseDenoiser")


@pytest.fixture(scope="module")
def cls_cascade(tmp_path_factory, cls_config, save_head):
    """Make a config of a classification cascade on two images of each class."""
    folder = tmp_path_factory.mktemp("classes")
    data = str(make_class_dataset(folder / "data", train=1, val=2, size=32))
    model = cls_config(num_classes=6)
    model["head"]["num_classes"] = 6
    head, head_checkpoint = save_head(folder / "head", model)

    def config():
        cfg = Config.fromfile(
            ROOT / "configs" / "_base_" / "datasets" / "textured_classes.py"
        )
        cfg.merge_from_dict(
            {
                "log_level": "ERROR",
                "test_dataloader.batch_size": 5,
                "test_dataloader.dataset.data_root": data,
            }
        )
        cfg.model = dict(
            type="mmdenoise.CascadeClassifier",
            denoiser=dict(POINTWISE),
            head=head,
            head_checkpoint=head_checkpoint,
            noise=dict(type="mmdenoise.GaussianNoise", sigma=30),
            loss=dict(type="mmdenoise.JointLoss", perceptual=0, task=0.1),
        )
        for part in ("train_dataloader", "train_cfg"):
            cfg.pop(part, None)
        return cfg

    return config


@pytest.fixture
def seg_cascade(world):
    def config():
        cfg = world.config()
        cfg.pop("train_dataloader")
        return cfg

    return config


@pytest.fixture
def checkpoint(tmp_path, seg_cascade):
    """Of a cascade trained in front of the segmentor, as far as the file tells."""
    model = MODELS.build(seg_cascade().model)
    with torch.no_grad():
        model.denoiser.gain.mul_(0.97)
    path = str(tmp_path / "iter_1.pth")
    torch.save(dict(meta={}, state_dict=model.state_dict()), path)
    return path


@pytest.fixture
def release(tmp_path, checkpoint):
    state = torch.load(checkpoint, weights_only=True)["state_dict"]
    alone = {k[len("denoiser.") :]: v for k, v in state.items() if k[:3] == "den"}
    path = str(tmp_path / "x.safetensors")
    write_denoiser_file(path, alone, POINTWISE)
    return path


def by_itself(cfg, denoiser, folder):
    """The numbers of a test of one head."""
    cfg.model.denoiser_checkpoint = denoiser
    cfg.work_dir, cfg.experiment_name = str(folder), folder.name
    return testing.Tester.from_cfg(cfg).test()


def rows_of(path):
    with open(path, newline="") as file:
        return {row.pop("head"): row for row in csv.DictReader(file)}


def test_every_head_scores_as_by_itself(
    seg_cascade, cls_cascade, checkpoint, release, tmp_path
):
    """From a cascade's checkpoint, although one of the heads is another one."""
    configs = dict(seg=seg_cascade(), cls=cls_cascade())
    text = evaluate_heads(configs, checkpoint, str(tmp_path / "out"))
    expected = dict(
        seg=by_itself(seg_cascade(), release, tmp_path / "one"),
        cls=by_itself(cls_cascade(), release, tmp_path / "two"),
    )
    assert (tmp_path / "out" / "heads.md").read_text() == text + "\n"
    found = rows_of(tmp_path / "out" / "heads.csv")
    assert list(found) == ["seg", "cls"]
    for name, metrics in expected.items():
        given = {key: float(value) for key, value in found[name].items() if value}
        assert given == metrics, "to the last digit"
    keys = ["aAcc", "mIoU", "mAcc", "PSNR", "accuracy/top1", "SSIM"]
    header, _, *rows, empty, ran = text.splitlines()
    assert header == "| | " + " | ".join(keys) + " |" and empty == ""
    assert ran == "Denoised in float32."
    cells = [[cell.strip() for cell in row.split("|")[1:-1]] for row in rows]
    for (name, *values), metrics in zip(cells, expected.values()):
        for key, value in zip(keys, values):
            if key in metrics:
                assert float(value) == pytest.approx(metrics[key], abs=0.006), name
            else:
                assert value == "–"
    assert all(math.isfinite(metrics["PSNR"]) for metrics in expected.values())


def test_what_is_wrong_is_said_before_the_first_test(
    seg_cascade, cls_cascade, checkpoint, world, tmp_path, monkeypatch
):
    monkeypatch.setattr(testing.Tester, "from_cfg", None)
    bare = Config(dict(model=dict(type="ImageClassifier")))
    out = str(tmp_path / "out")
    with pytest.raises(ValueError, match="'bare' is no cascade's config: it has no mo"):
        evaluate_heads(dict(seg=seg_cascade(), bare=bare), checkpoint, out)
    other = cls_cascade()
    other.model.denoiser = dict(type="mmdenoise.MultiScaleDenoiser")
    words = (
        "'cls': denoiser_checkpoint .*does not fit: it holds gain.*, bias.*, not ste"
    )
    with pytest.raises(RuntimeError, match=words):
        evaluate_heads(dict(seg=seg_cascade(), cls=other), checkpoint, out)
    words = (
        r"does not fit: it holds backbone\.\*, .*, not gain.*; expected a denoiser "
        "file, a cascade's checkpoint or a denoiser's own; a task network's goes to "
        "head_check"
    )
    with pytest.raises(RuntimeError, match=words):
        evaluate_heads(dict(seg=seg_cascade()), world.head_checkpoint, out)


def test_a_file_is_taken_for_what_it_is(seg_cascade, checkpoint, release):
    cfg = seg_cascade()
    cfg.model.denoiser_checkpoint = "gone.pth"
    use_checkpoint(cfg, checkpoint)
    assert (cfg.load_from, cfg.model.denoiser_checkpoint) == (checkpoint, None)
    use_checkpoint(cfg, release)
    assert (cfg.load_from, cfg.model.denoiser_checkpoint) == (None, release)
    use_checkpoint(cfg, None)
    assert (cfg.load_from, cfg.model.denoiser_checkpoint) == (None, release)


# Through the command


@pytest.fixture
def tool(command, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        run = command("test", *arguments)
        return run.error if run.code else run.out

    return run


def test_the_command(seg_cascade, cls_cascade, release, tool, tmp_path):
    for folder, config in (("a", seg_cascade), ("b", cls_cascade), ("c", cls_cascade)):
        Path(folder).mkdir()
        # Two of one name.
        name = "seg" if config is seg_cascade else "cls"
        config().dump(f"{folder}/{name}.py")
    out = tool("a/seg.py", release, "--heads", "b/cls.py", "c/cls.py")
    table = Path("work_dirs/seg/heads.md").read_text()
    assert table in out and "heads.csv" in out
    rows = rows_of("work_dirs/seg/heads.csv")
    assert list(rows) == ["seg", "b_cls", "c_cls"]
    assert rows["b_cls"] == rows["c_cls"] != rows["seg"]


def test_what_does_not_go_together(seg_cascade, cls_cascade, release, tool):
    seg_cascade().dump("seg.py")
    missing = cls_cascade()
    missing.test_dataloader.dataset.data_root = "gone"
    missing.dump("cls.py")
    cls_cascade().dump("a.py")
    assert "needs a CHECKPOINT" in tool("seg.py", "--heads", "cls.py")
    found = tool("seg.py", release, "--heads", "cls.py", "--out", "x.pkl")
    assert found == "--heads goes without --out, --show-dir and --tta"
    found = tool("seg.py", release, "--heads", "seg.py")
    assert found == "a config is given twice: seg.py, seg.py"
    found = tool("seg.py", release, "--heads", "nowhere.py")
    assert found == "there is no config 'nowhere.py'"
    found = tool("seg.py", release, "--heads", "cls.py")
    assert "there is no 'gone/val'; make the set with" in found
    assert "there is no file 'gone.pth'" in tool(
        "seg.py", "gone.pth", "--heads", "a.py"
    )
