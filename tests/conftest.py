"""Small heads, batches and files that the tests of the core share.

Test files cannot import each other here (``--import-mode=importlib``), so helpers are
fixtures that return functions.
"""

import copy
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config, ConfigDict
from mmengine.logging import MessageHub
from mmengine.registry import DefaultScope
from mmengine.structures import PixelData
from torch import nn

from mmdenoise.datasets.textured_shapes import make_voc_dataset
from mmdenoise.registry import MODELS

pytest_plugins = ["tests.fixtures.commands"]

MEAN = [123.675, 116.28, 103.53]
STD = [58.395, 57.12, 57.375]
CLASSES = 5
WORLD_SIZE = 48


@MODELS.register_module(force=True)
class PointwiseDenoiser(nn.Module):
    """One multiplication a channel and one addition: no position sees another one.

    What happens at a padded border can then be told from what the denoiser does there.
    """

    def __init__(self, gain=0.9, bias=0.02):
        super().__init__()
        self.gain = nn.Parameter(torch.tensor([gain, gain - 0.1, gain + 0.05]))
        self.bias = nn.Parameter(torch.tensor(bias))

    def forward(self, noisy):
        return noisy * self.gain.view(3, 1, 1) + self.bias


@MODELS.register_module(force=True)
class TransientDenoiser(PointwiseDenoiser):
    """With a buffer that PyTorch does not keep, and MMEngine writes all the same."""

    def __init__(self):
        super().__init__()
        self.register_buffer("window", torch.ones(3), persistent=False)


@pytest.fixture(autouse=True)
def _no_traces_between_tests():
    """Global state of MMEngine that one test would leave to the next."""
    torch.manual_seed(0)
    MessageHub._instance_dict.clear()
    # A module's or a session's fixture may have run a Runner, whose scope stays.
    DefaultScope._instance_dict.clear()
    yield
    MessageHub._instance_dict.clear()
    DefaultScope._instance_dict.clear()


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def seg_config():
    """Build the model dict of a small MMSegmentation head."""
    pytest.importorskip("mmseg")

    def config(preprocessor=None, **model):
        norm = dict(type="BN", requires_grad=True)
        fcn = dict(
            type="FCNHead",
            num_convs=1,
            concat_input=False,
            channels=8,
            dropout_ratio=0.5,
            num_classes=CLASSES,
            norm_cfg=norm,
            align_corners=False,
        )
        loss = dict(type="CrossEntropyLoss", use_sigmoid=False)
        base = dict(
            type="EncoderDecoder",
            _scope_="mmseg",
            data_preprocessor=dict(
                type="SegDataPreProcessor",
                mean=MEAN,
                std=STD,
                bgr_to_rgb=True,
                pad_val=0,
                seg_pad_val=255,
                size=(48, 56),
            ),
            backbone=dict(
                type="ResNet",
                depth=18,
                base_channels=8,
                stem_channels=8,
                num_stages=4,
                out_indices=(0, 1, 2, 3),
                strides=(1, 2, 1, 1),
                norm_cfg=norm,
                norm_eval=False,
            ),
            decode_head=dict(
                **fcn, in_channels=64, in_index=3, loss_decode=dict(**loss)
            ),
            auxiliary_head=dict(
                **fcn,
                in_channels=32,
                in_index=2,
                loss_decode=dict(**loss, loss_weight=0.4),
            ),
            train_cfg=dict(),
            test_cfg=dict(mode="whole"),
        )
        if preprocessor is not None:
            base["data_preprocessor"] = dict(
                dict(type="SegDataPreProcessor", size=(48, 56)), **preprocessor
            )
        base.update(model)
        return copy.deepcopy(base)

    return config


@pytest.fixture(scope="session")
def cls_config():
    """Build the model dict of a small MMPretrain classifier."""
    pytest.importorskip("mmpretrain")

    def config(**preprocessor):
        given = dict(
            type="ClsDataPreprocessor",
            mean=MEAN,
            std=STD,
            to_rgb=True,
            num_classes=CLASSES,
        )
        given.update(preprocessor)
        return dict(
            type="ImageClassifier",
            _scope_="mmpretrain",
            data_preprocessor=given,
            backbone=dict(
                type="ResNet",
                depth=18,
                base_channels=8,
                stem_channels=8,
                out_indices=(3,),
            ),
            neck=dict(type="GlobalAveragePooling"),
            head=dict(
                type="LinearClsHead",
                num_classes=CLASSES,
                in_channels=64,
                loss=dict(type="CrossEntropyLoss", loss_weight=1.0),
                topk=(1,),
            ),
        )

    return config


@pytest.fixture(scope="session")
def trained():
    """Build a model and give it weights and statistics as after training."""

    def build(config, seed=7):
        generator = torch.Generator().manual_seed(seed)

        def draw(tensor, low, high):
            with torch.no_grad():
                tensor.copy_(
                    torch.rand(tensor.shape, generator=generator) * (high - low) + low
                )

        model = MODELS.build(ConfigDict(config))
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                draw(module.running_mean, -0.5, 0.5)
                draw(module.running_var, 0.5, 1.5)
                draw(module.weight, 0.5, 1.5)
                draw(module.bias, -0.5, 0.5)
                module.num_batches_tracked.fill_(100)
            elif isinstance(module, (nn.Conv2d, nn.Linear)):
                fan_in = module.weight[0].numel()
                draw(module.weight, -((6 / fan_in) ** 0.5), (6 / fan_in) ** 0.5)
                if module.bias is not None:
                    draw(module.bias, -0.3, 0.3)
        return model.eval()

    return build


@pytest.fixture(scope="session")
def save_head(trained):
    """Write a head's config and checkpoint as a user has them: two paths."""

    def save(folder, config, **more):
        folder.mkdir(parents=True, exist_ok=True)
        weights = str(folder / "head.pth")
        model = trained(copy.deepcopy(config))
        torch.save(dict(meta=dict(), state_dict=model.state_dict()), weights)
        model_config = copy.deepcopy(config)
        scope = model_config.pop("_scope_")
        path = str(folder / "head.py")
        Config(dict(model=model_config, default_scope=scope, **more)).dump(path)
        return path, weights

    return save


@pytest.fixture(scope="session")
def seg_head(tmp_path_factory, seg_config, save_head):
    """Config path and checkpoint path of the small segmentor."""
    return save_head(tmp_path_factory.mktemp("seg"), seg_config())


@pytest.fixture(scope="session")
def cls_head(tmp_path_factory, cls_config, save_head):
    """Config path and checkpoint path of the small classifier."""
    return save_head(tmp_path_factory.mktemp("cls"), cls_config())


@pytest.fixture(scope="session")
def image():
    """Random 8-bit BGR images (3, H, W), each its own by its seed."""

    def make(height, width, seed=0):
        generator = torch.Generator().manual_seed(1000 + seed)
        shape = (3, height, width)
        return torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8)

    return make


@pytest.fixture(scope="session")
def seg_batch(image):
    """Make a batch as MMSegmentation's pipelines pack it."""

    def make(*sizes, seed=0, ignore=0.1, **metainfo):
        from mmseg.structures import SegDataSample

        inputs, samples = [], []
        for index, (height, width) in enumerate(sizes):
            generator = torch.Generator().manual_seed(seed * 100 + index)
            labels = torch.randint(0, CLASSES, (1, height, width), generator=generator)
            void = torch.rand((1, height, width), generator=generator) < ignore
            labels[void] = 255
            sample = SegDataSample(
                metainfo=dict(
                    img_path=f"image{seed}_{index}.png",
                    ori_shape=(height, width),
                    img_shape=(height, width),
                    **metainfo,
                )
            )
            sample.gt_sem_seg = PixelData(data=labels)
            inputs.append(image(height, width, seed * 100 + index))
            samples.append(sample)
        return dict(inputs=inputs, data_samples=samples)

    return make


@pytest.fixture(scope="session")
def cls_batch(image):
    """Make a batch as MMPretrain's pipelines pack it, stacked or in a list."""

    def make(*sizes, stacked=False, seed=0):
        from mmpretrain.structures import DataSample

        inputs = [image(h, w, seed * 100 + i) for i, (h, w) in enumerate(sizes)]
        samples = [
            DataSample(metainfo=dict(img_path=f"{i}.png")).set_gt_label(i % CLASSES)
            for i in range(len(sizes))
        ]
        return dict(
            inputs=torch.stack(inputs) if stacked else inputs, data_samples=samples
        )

    return make


@pytest.fixture(scope="session")
def plain_batch(image):
    """Make a batch as ``PackImage`` packs it: no labels."""

    def make(*sizes, seed=0, **metainfo):
        from mmengine.structures import BaseDataElement

        return dict(
            inputs=[image(h, w, seed * 100 + i) for i, (h, w) in enumerate(sizes)],
            data_samples=[
                BaseDataElement(metainfo=dict(img_path=f"{i}.png", **metainfo))
                for i in range(len(sizes))
            ],
        )

    return make


@pytest.fixture(scope="session")
def make_cascade():
    """Build a cascade through the registry, as a config does.

    Denoiser: a config, or ``identity``, ``pointwise``, ``transient``, or ``small``, the
    paper's with few channels.
    """
    denoisers = dict(
        identity=dict(type="mmdenoise.IdentityDenoiser"),
        pointwise=dict(type="mmdenoise.PointwiseDenoiser"),
        transient=dict(type="mmdenoise.TransientDenoiser"),
        small=dict(
            type="mmdenoise.MultiScaleDenoiser",
            encoder_channels=8,
            decoder_channels=8,
            stem_channels=4,
        ),
    )

    def build(head=None, denoiser="small", sigma=30, loss=None, kind=None, **more):
        if isinstance(denoiser, str):
            denoiser = denoisers[denoiser]
        if isinstance(head, tuple):
            head, more["head_checkpoint"] = head
        if kind is None:
            kind = "Cascade" if head is None else "CascadeSegmentor"
        if loss is None and more.get("tap") is None:
            loss = dict(perceptual=0, task=0 if head is None else 0.5)
        if "noise" not in more and sigma is not None:
            more["noise"] = dict(type="mmdenoise.GaussianNoise", sigma=sigma)
        if loss is not None:
            more["loss"] = dict(type="mmdenoise.JointLoss", **loss)
        torch.manual_seed(3)
        return MODELS.build(
            dict(
                type=f"mmdenoise.{kind}",
                denoiser=copy.deepcopy(denoiser),
                head=head,
                **more,
            )
        )

    return build


@pytest.fixture(scope="session")
def forward():
    """Push a batch through preprocessor and model, as MMEngine's loops do."""

    def run(model, batch, mode, training=False):
        data = model.data_preprocessor(copy.deepcopy(batch), training)
        return model(**data, mode=mode)

    return run


@pytest.fixture(scope="session")
def world(tmp_path_factory, seg_config, save_head):
    """Folder, data and head; ``config()`` makes a config that the caller may change."""
    folder = tmp_path_factory.mktemp("world")
    data = str(make_voc_dataset(folder / "data", train=4, val=3, size=WORLD_SIZE))
    model = seg_config(dict(mean=[120, 110, 100], std=[60, 61, 62], bgr_to_rgb=True))
    model["data_preprocessor"]["size"] = (WORLD_SIZE, WORLD_SIZE)
    for part in ("decode_head", "auxiliary_head"):
        model[part]["num_classes"] = 6
        model[part]["loss_decode"]["avg_non_ignore"] = True
    pipeline = [dict(type="LoadImageFromFile"), dict(type="PackSegInputs")]
    head, head_checkpoint = save_head(folder / "head", model, test_pipeline=pipeline)

    def loader(split, sampler):
        return dict(
            batch_size=2,
            num_workers=0,
            sampler=sampler,
            dataset=dict(
                type="mmdenoise.TexturedShapesDataset",
                data_root=data,
                ann_file=f"ImageSets/Segmentation/{split}.txt",
                pipeline=[
                    dict(type="mmdenoise.LoadImage"),
                    dict(type="LoadAnnotations"),
                    dict(type="PackSegInputs"),
                ],
            ),
        )

    def config(denoiser="mmdenoise.PointwiseDenoiser", **more):
        return Config(
            dict(
                default_scope="mmseg",
                model=dict(
                    type="mmdenoise.CascadeSegmentor",
                    denoiser=dict(type=denoiser),
                    head=head,
                    head_checkpoint=head_checkpoint,
                    tap="backbone.layer2",
                    noise=dict(type="mmdenoise.GaussianNoise", sigma=60),
                    loss=dict(type="mmdenoise.JointLoss"),
                    **more,
                ),
                train_dataloader=loader(
                    "train", dict(type="InfiniteSampler", shuffle=True)
                ),
                test_dataloader=loader(
                    "val", dict(type="DefaultSampler", shuffle=False)
                ),
                test_cfg=dict(type="TestLoop"),
                test_evaluator=[
                    dict(type="IoUMetric", iou_metrics=["mIoU"]),
                    dict(type="mmdenoise.PSNR"),
                ],
                log_level="ERROR",
            )
        )

    return SimpleNamespace(
        folder=folder,
        data=data,
        head=head,
        head_checkpoint=head_checkpoint,
        config=config,
        size=WORLD_SIZE,
    )


@pytest.fixture(scope="session")
def chromium(tmp_path_factory):
    """A headless Chromium for all tests of pages."""
    from headless_browser import Browser, find_browser

    if find_browser() is None:
        pytest.skip("no Chromium on PATH (Debian, Ubuntu: the package chromium)")
    running = Browser(tmp_path_factory.mktemp("chromium"))
    yield running
    running.close()


@pytest.fixture
def browser(chromium, tmp_path):
    """Open windows of a browser, as the arguments of ``headless_browser.Page`` say."""
    from headless_browser import Page

    opened = []

    def start(**options):
        opened.append(Page(chromium, tmp_path / f"window{len(opened)}", **options))
        return opened[-1]

    yield start
    for one in opened:
        one.close()
