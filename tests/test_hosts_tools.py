"""The hosts' own tools, inferencers and test-time augmentation, on a cascade's config.

What is compared with is either our tool on the same files, or the bare head by itself.
"""

import itertools
import logging
import os
import pickle
import re
import runpy
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.logging import MMLogger
from PIL import Image

from mmdenoise.datasets.textured_shapes import make_voc_dataset
from mmdenoise.models import IdentityDenoiser
from mmdenoise.registry import MODELS

mmseg = pytest.importorskip("mmseg")
mmpretrain = pytest.importorskip("mmpretrain")

pytestmark = [
    pytest.mark.filterwarnings("ignore:Default ``avg_non_ignore``:UserWarning"),
    pytest.mark.filterwarnings("ignore:The shape of value will convert:UserWarning"),
    # The hosts' own, about visualizers.
    pytest.mark.filterwarnings("ignore:The draw is False:UserWarning"),
    pytest.mark.filterwarnings("ignore:.*SegLocalVisualizer:UserWarning"),
]

ROOT = Path(__file__).parents[1]
SIZE = 48

# As stock configs write it: the hosts' own loader, named pipelines, a visualizer.
SEGMENTATION = """
_base_ = [
    "{root}/configs/_base_/default_runtime.py",
    "{root}/configs/_base_/datasets/textured_shapes.py",
]
train_pipeline = [
    dict(type="LoadImageFromFile"),
    dict(type="LoadAnnotations"),
    dict(type="RandomFlip", prob=0.5),
    dict(type="PackSegInputs"),
]
test_pipeline = [
    dict(type="LoadImageFromFile"),
    dict(type="LoadAnnotations"),
    dict(type="PackSegInputs"),
]
train_dataloader = dict(
    batch_size=2, dataset=dict(data_root="{data}", pipeline=train_pipeline)
)
test_dataloader = dict(
    batch_size=2, dataset=dict(data_root="{data}", pipeline=test_pipeline)
)
test_evaluator = [dict(type="IoUMetric", iou_metrics=["mIoU"])]
visualizer = dict(
    type="SegLocalVisualizer",
    vis_backends=[dict(type="LocalVisBackend")],
    name="visualizer",
)
tta_model = dict(type="SegTTAModel")
tta_pipeline = [
    dict(type="LoadImageFromFile"),
    dict(
        type="TestTimeAug",
        transforms=[
            [dict(type="Resize", scale_factor=1.0, keep_ratio=True)],
            [
                dict(type="RandomFlip", prob=0.0, direction="horizontal"),
                dict(type="RandomFlip", prob=1.0, direction="horizontal"),
            ],
            [dict(type="LoadAnnotations")],
            [dict(type="PackSegInputs")],
        ],
    ),
]
"""

CLASSIFICATION = """
_base_ = "{root}/configs/_base_/default_runtime.py"
default_scope = "mmpretrain"
data_preprocessor = dict(
    num_classes=5, mean=[120, 110, 100], std=[60, 61, 62], to_rgb=True
)
test_dataloader = dict(
    batch_size=2,
    num_workers=0,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        type="CustomDataset",
        data_root="{data}",
        pipeline=[dict(type="LoadImageFromFile"), dict(type="PackInputs")],
    ),
)
test_cfg = dict()
test_evaluator = [dict(type="Accuracy", topk=(1,)), dict(type="mmdenoise.PSNR")]
"""

CASCADE = """
_base_ = "{base}"
model = dict(
    type="mmdenoise.{kind}",
    denoiser=dict(
        type="mmdenoise.MultiScaleDenoiser",
        encoder_channels=8,
        decoder_channels=8,
        stem_channels=4,
    ),
    head="{head}",
    head_checkpoint="{head_checkpoint}",
    tap="backbone.layer2",
    noise=dict(type="mmdenoise.GaussianNoise", sigma=30),
    loss=dict(type="mmdenoise.JointLoss", perceptual=0.01, task=0.01),
)
"""

TRAINING = """
optim_wrapper = dict(
    type="OptimWrapper",
    optimizer=dict(type="Adam", lr=1e-3),
    paramwise_cfg=dict(custom_keys={"denoiser.output": dict(lr_mult=1.0)}),
)
train_cfg = dict(type="IterBasedTrainLoop", max_iters=2)
randomness = dict(seed=0)
"""

IDENTITY = """
_base_ = "{base}"
model = dict(
    denoiser=dict(_delete_=True, type="mmdenoise.IdentityDenoiser"),
    noise=dict(sigma=0),
)
"""


def cascade_files(folder, base, kind, head, head_checkpoint):
    """Write a cascade's config, its identity, and a checkpoint of random weights."""
    (folder / "cascade.py").write_text(
        CASCADE.format(
            base=folder / base, kind=kind, head=head, head_checkpoint=head_checkpoint
        )
    )
    (folder / "identity.py").write_text(IDENTITY.format(base=folder / "cascade.py"))
    torch.manual_seed(0)
    model = MODELS.build(Config.fromfile(folder / "cascade.py").model)
    meta = dict(dataset_meta=dict(classes=tuple("abcdef"), palette=[[0, 0, 0]] * 6))
    checkpoint = str(folder / "cascade.pth")
    torch.save(dict(meta=meta, state_dict=model.state_dict()), checkpoint)
    return types.SimpleNamespace(
        folder=folder,
        config=str(folder / "cascade.py"),
        identity=str(folder / "identity.py"),
        checkpoint=checkpoint,
        head=head,
        head_checkpoint=head_checkpoint,
    )


@pytest.fixture(scope="module")
def segmentation(tmp_path_factory, seg_config, save_head):
    """A generated set, a head with a test of its own, and a cascade before it."""
    folder = tmp_path_factory.mktemp("segmentation")
    data = make_voc_dataset(folder / "data", train=4, val=3, size=SIZE)
    (folder / "base.py").write_text(SEGMENTATION.format(root=ROOT, data=data))
    model = seg_config(dict(size=(SIZE, SIZE), bgr_to_rgb=True, mean=[120, 110, 100]))
    model["data_preprocessor"]["std"] = [60, 61, 62]
    for part in ("decode_head", "auxiliary_head"):
        model[part]["num_classes"] = 6
        model[part]["loss_decode"]["avg_non_ignore"] = True
    shared = Config.fromfile(folder / "base.py").to_dict()
    shared.pop("default_scope"), shared.pop("train_dataloader")
    head = save_head(folder / "head", model, **shared)
    files = cascade_files(folder, "base.py", "CascadeSegmentor", *head)
    with open(files.config, "a") as config:
        config.write(TRAINING)
    return files


@pytest.fixture(scope="module")
def classification(tmp_path_factory, cls_config, save_head, image):
    """Images in folders by class, a head whose preprocessor stands beside its model."""
    folder = tmp_path_factory.mktemp("classification")
    for index in range(10):
        path = folder / "data" / f"class{index % 5}" / f"{index}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image(32, 40, index).permute(1, 2, 0).numpy()).save(path)
    (folder / "base.py").write_text(
        CLASSIFICATION.format(root=ROOT, data=folder / "data")
    )
    model = cls_config()
    preprocessor = dict(mean=[120, 110, 100], std=[60, 61, 62], to_rgb=True)
    model["data_preprocessor"].update(preprocessor)
    head, weights = save_head(folder / "head", model)
    # Scores are all that inferencers give: they must not be 0 and 1.
    saved = torch.load(weights)
    saved["state_dict"]["head.fc.weight"] *= 0.02
    torch.save(saved, weights)
    return cascade_files(folder, "base.py", "CascadeClassifier", head, weights)


def hosts_script(host, name):
    path = Path(host.__file__).parent / ".mim" / "tools" / f"{name}.py"
    if not path.is_file():
        pytest.skip(f"{host.__name__} is installed without its tools")
    return path


def process(script, *arguments, cwd):
    """Run a script by itself, so that what the config imports is all that is there."""
    run = subprocess.run(
        [sys.executable, str(script), *map(str, arguments)],
        cwd=cwd,
        env=dict(os.environ, PYTHONPATH=str(ROOT), OMP_NUM_THREADS="1"),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


@pytest.fixture
def tool(monkeypatch, capfd, tmp_path):
    """Run a tool of ours in this process; return what it printed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("mmengine.runner.runner.collect_env", dict)
    for name in ("LOCAL_RANK", "TORCH_FORCE_WEIGHTS_ONLY_LOAD"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    count = itertools.count()

    def run(name, *arguments, options=()):
        name_option = f"experiment_name={tmp_path.name}_{next(count)}"
        arguments = [*map(str, arguments), "--cfg-options", name_option, *options]
        monkeypatch.setattr(sys, "argv", [name, *arguments, "--work-dir", "work"])
        capfd.readouterr()
        try:
            runpy.run_path(str(ROOT / "tools" / f"{name}.py"), run_name="__main__")
        except SystemExit as end:
            if end.code:
                raise
        return capfd.readouterr().out

    return run


def metrics_of(printed):
    (line,) = re.findall(r"(?:Iter|Epoch)\(test\) \[(\d+)/\1\] +(.*)", printed)
    found = dict(re.findall(r"([\w/]+): ([\d.]+|inf)", line[1]))
    return {name: v for name, v in found.items() if name not in ("data_time", "time")}


def label_maps(path):
    with open(path, "rb") as file:  # written by this test
        return [sample["pred_sem_seg"]["data"] for sample in pickle.load(file)]


# Their scripts


@pytest.mark.slow
def test_mmsegmentations_own_tools(segmentation, tmp_path):
    """Train with theirs; then theirs and ours score the checkpoint alike."""
    given = (segmentation.config, "--work-dir", "work")
    process(hosts_script(mmseg, "train"), *given, cwd=tmp_path)
    checkpoint = tmp_path / "work" / "iter_2.pth"
    state = torch.load(checkpoint, weights_only=False)["state_dict"]
    assert {key.split(".")[0] for key in state} == {"denoiser", "head_fingerprint"}
    given = (segmentation.config, checkpoint, "--work-dir", "work")
    theirs = process(hosts_script(mmseg, "test"), *given, cwd=tmp_path)
    ours = process(ROOT / "tools" / "test.py", *given, cwd=tmp_path)
    assert set(metrics_of(ours)) == {"aAcc", "mIoU", "mAcc"}
    assert metrics_of(theirs) == metrics_of(ours)
    assert theirs.count("simulated noise: GaussianNoise(sigma=30.0)") == 1


@pytest.mark.slow
def test_mmpretrains_own_test(classification, tmp_path):
    given = (classification.config, classification.checkpoint, "--work-dir", "work")
    theirs = process(hosts_script(mmpretrain, "test"), *given, cwd=tmp_path)
    ours = process(ROOT / "tools" / "test.py", *given, cwd=tmp_path)
    assert set(metrics_of(ours)) == {"accuracy/top1", "PSNR"}
    assert metrics_of(theirs) == metrics_of(ours)


def test_a_config_on_mmsegmentations_bases(tool, segmentation, tmp_path):
    """`mmseg::...` opens, and a schedule that knows nothing of heads moves none."""
    path = tmp_path / "theirs.py"
    path.write_text(
        "_base_ = [\n"
        "    'mmseg::_base_/default_runtime.py',\n"
        "    'mmseg::_base_/schedules/schedule_20k.py',\n"
        "]\n"
        "custom_imports = dict(imports=['mmdenoise'])\n"
        f"model = dict({model_of(segmentation.config)})\n"
        f"train_dataloader = dict({loader_of(segmentation.config)})\n"
        "train_cfg = dict(max_iters=1, val_interval=10)\n"
        "val_cfg = None\n"
        "test_cfg = None\n"
    )
    printed = tool("train", path)
    assert "Saving checkpoint at 1 iterations" in printed
    state = torch.load(tmp_path / "work" / "iter_1.pth", weights_only=False)
    model = MODELS.build(Config.fromfile(segmentation.config).model)
    assert torch.equal(
        state["state_dict"]["head_fingerprint"], model.state_dict()["head_fingerprint"]
    )


def model_of(config):
    return keywords(Config.fromfile(config).model)


def loader_of(config):
    return keywords(Config.fromfile(config).train_dataloader)


def keywords(config):
    return ", ".join(f"{key}={value!r}" for key, value in config.to_dict().items())


# Their inferencers


@pytest.fixture
def said(caplog):
    """Lines about simulated noise, as the current logger writes them."""
    logger = MMLogger.get_instance("test_hosts_tools")
    logger.addHandler(caplog.handler)
    caplog.set_level(logging.INFO)

    def lines():
        return [
            r.getMessage()
            for r in caplog.records
            if "simulated noise" in r.getMessage()
        ]

    yield lines
    logger.removeHandler(caplog.handler)


@pytest.fixture
def noisy_png(tmp_path, image):
    """A file of noise itself, and what it holds: (3, H, W) RGB in [0, 1]."""
    pixels = image(45, 52, 9)
    path = tmp_path / "noisy.png"
    Image.fromarray(pixels.permute(1, 2, 0).numpy()).save(path)
    return str(path), pixels.float() / 255


def denoised_by_hand(files, noisy):
    """What the cascade's denoiser makes of (3, H, W), BGR in 8-bit units."""
    model = MODELS.build(Config.fromfile(files.config).model)
    state = torch.load(files.checkpoint)["state_dict"]
    model.load_state_dict(state)
    with torch.no_grad():
        denoised = model.eval().denoiser(noisy[None])[0]
    assert (denoised - noisy).abs().max() > 0.01
    return denoised.flip(0) * 255


def close(ours, theirs):
    assert ours.shape == theirs.shape
    assert (ours - theirs).abs().max() <= 1e-5 * theirs.abs().max()


@pytest.fixture
def bare_segmentor(segmentation, noisy_png):
    """The head's own prediction of the image that was denoised by hand."""
    from mmseg.apis import init_model

    head = init_model(segmentation.head, segmentation.head_checkpoint, device="cpu")
    batch = dict(inputs=[denoised_by_hand(segmentation, noisy_png[1])])
    with torch.no_grad():
        inputs = head.data_preprocessor(batch)["inputs"]
        return head.predict(inputs, None)[0]


def test_inference_model_of_mmsegmentation(
    segmentation, noisy_png, bare_segmentor, said
):
    from mmseg.apis import inference_model, init_model

    options = {"model.noise": None}
    given = (segmentation.config, segmentation.checkpoint, "cpu")
    model = init_model(*given, cfg_options=options)
    for picture in (noisy_png[0], np.array(Image.open(noisy_png[0]))[..., ::-1]):
        ours = inference_model(model, picture)
        close(ours.seg_logits.data, bare_segmentor.seg_logits.data)
        assert torch.equal(ours.pred_sem_seg.data, bare_segmentor.pred_sem_seg.data)
    assert said() == []
    model = init_model(*given)
    for _ in range(3):
        noisier = inference_model(model, noisy_png[0])
    assert len(said()) == 1 and "set noise=None" in said()[0]
    difference = noisier.seg_logits.data - bare_segmentor.seg_logits.data
    assert difference.abs().max() > 1e-3


def test_the_inferencer_of_mmsegmentation(
    segmentation, noisy_png, bare_segmentor, said, tmp_path
):
    from mmseg.apis import MMSegInferencer

    cfg = Config.fromfile(segmentation.config)
    cfg.model.noise = None
    given = dict(weights=segmentation.checkpoint, device="cpu")
    infer = MMSegInferencer(cfg, **given)
    found = infer([noisy_png[0]] * 2, batch_size=2, out_dir=str(tmp_path / "out"))
    expected = bare_segmentor.pred_sem_seg.data[0].numpy()
    assert len(np.unique(expected)) > 1
    for labels in found["predictions"]:
        assert np.array_equal(labels, expected)
    assert len(list((tmp_path / "out").rglob("*.png"))) > 2
    assert said() == []
    infer = MMSegInferencer(segmentation.config, **given)
    for _ in range(3):
        infer(noisy_png[0])
    assert len(said()) == 1 and "set noise=None" in said()[0]


def test_the_inferencer_of_mmpretrain(classification, noisy_png, said):
    from mmpretrain import ImageClassificationInferencer, get_model

    head = get_model(classification.head, classification.head_checkpoint).eval()
    batch = dict(inputs=denoised_by_hand(classification, noisy_png[1])[None])
    with torch.no_grad():
        expected = head.predict(head.data_preprocessor(batch)["inputs"])[0]
    cfg = Config.fromfile(classification.config)
    cfg.model.noise = None
    infer = ImageClassificationInferencer(cfg, classification.checkpoint, device="cpu")
    (found,) = infer(noisy_png[0])
    assert 0.25 < found["pred_score"] < 0.95
    close(torch.from_numpy(found["pred_scores"]), expected.pred_score)
    assert found["pred_label"] == expected.pred_label.item()
    assert said() == []
    infer = ImageClassificationInferencer(
        classification.config, classification.checkpoint, device="cpu"
    )
    for _ in range(3):
        infer([noisy_png[0]] * 2, batch_size=2)
    assert len(said()) == 1 and "set noise=None" in said()[0]


@pytest.mark.parametrize("change", ["missing", "unknown", "wrong shape"])
@pytest.mark.parametrize("route", ["init_model", "MMSegInferencer", "get_model"])
def test_their_loaders_refuse_a_wrong_key(
    segmentation, classification, tmp_path, route, change
):
    """They load without `strict`, and would go on with a random denoiser."""
    from mmpretrain import get_model
    from mmseg.apis import MMSegInferencer, init_model

    files = classification if route == "get_model" else segmentation
    saved = torch.load(files.checkpoint)
    if change == "unknown":
        saved["state_dict"]["denoiser.foreign"] = torch.zeros(1)
    elif change == "missing":
        del saved["state_dict"]["denoiser.stem.bias"]
    else:
        saved["state_dict"]["denoiser.stem.bias"] = torch.zeros(7)
    path = str(tmp_path / "wrong.pth")
    torch.save(saved, path)
    load = dict(
        init_model=lambda: init_model(files.config, path, "cpu"),
        MMSegInferencer=lambda: MMSegInferencer(files.config, path, device="cpu"),
        get_model=lambda: get_model(files.config, path, device="cpu"),
    )
    with pytest.raises(RuntimeError, match=f"denoiser does not fit: {change}: "):
        load[route]()


# Sliding windows and test-time augmentation, through the tool


@pytest.fixture
def denoiser_inputs(monkeypatch):
    """What the identity denoiser is given, in order."""
    seen, original = [], IdentityDenoiser.forward

    def forward(self, noisy):
        seen.append(noisy.clone())
        return original(self, noisy)

    monkeypatch.setattr(IdentityDenoiser, "forward", forward)
    return seen


def test_a_sliding_window_denoises_once(tool, segmentation, denoiser_inputs):
    slide = "dict(mode='slide', crop_size=(32, 32), stride=(20, 20))"
    options = ["mode=slide", "crop_size=(32,32)", "stride=(20,20)"]
    bare = tool(
        *("test", segmentation.head, segmentation.head_checkpoint),
        *("--out", "head.pkl"),
        options=[f"model.test_cfg.{option}" for option in options],
    )
    config = segmentation.folder / "slide.py"
    config.write_text(
        f"_base_ = {segmentation.identity!r}\n"
        f"model = dict(head_options=dict(test_cfg={slide}))\n"
    )
    ours = tool("test", config, "--out", "cascade.pkl")
    assert metrics_of(ours) == metrics_of(bare)
    one, other = label_maps("cascade.pkl"), label_maps("head.pkl")
    assert all(map(torch.equal, one, other)) and len(one) == 3
    # Three images in batches of two, each as a whole.
    shapes = [tuple(seen.shape) for seen in denoiser_inputs]
    assert shapes == [(2, 3, SIZE, SIZE), (1, 3, SIZE, SIZE)]
    tool("test", segmentation.identity, "--out", "whole.pkl")
    assert not all(map(torch.equal, one, label_maps("whole.pkl")))


def test_flipped_views_are_one_noisy_image(tool, segmentation, denoiser_inputs):
    tool("test", segmentation.identity, "--tta", options=["model.noise.sigma=40"])
    assert [len(seen) for seen in denoiser_inputs] == [2, 2, 1, 1]
    for plain, view in zip(denoiser_inputs[::2], denoiser_inputs[1::2]):
        assert torch.equal(plain, view.flip(-1))
        assert not torch.equal(plain, view)


def test_flip_tta_of_the_identity_is_that_of_the_head(tool, segmentation):
    given = (segmentation.head, segmentation.head_checkpoint)
    bare = tool("test", *given, "--tta", "--out", "head.pkl")
    ours = tool("test", segmentation.identity, "--tta", "--out", "cascade.pkl")
    assert metrics_of(ours) == metrics_of(bare)
    one, other = label_maps("cascade.pkl"), label_maps("head.pkl")
    assert all(map(torch.equal, one, other)) and len(one) == 3
    tool("test", *given, "--out", "plain.pkl")
    assert not all(map(torch.equal, one, label_maps("plain.pkl")))


def test_rescaled_views_are_refused(tool, segmentation, capfd):
    """A stock list of ratios, with simulated noise: one line."""
    config = segmentation.folder / "rescaled.py"
    config.write_text(
        f"_base_ = {segmentation.identity!r}\n"
        "tta_pipeline = [\n"
        "    dict(type='LoadImageFromFile'),\n"
        "    dict(type='TestTimeAug', transforms=[\n"
        "        [dict(type='Resize', scale_factor=r, keep_ratio=True)\n"
        "         for r in (0.5, 1.0)],\n"
        "        [dict(type='LoadAnnotations')], [dict(type='PackSegInputs')]])]\n"
    )
    with pytest.raises(SystemExit):
        tool("test", config, "--tta")
    lines = capfd.readouterr().err.splitlines()
    (error,) = [line for line in lines if line.startswith("error: ")]
    assert "may flip but not rescale; or set noise=None" in error
