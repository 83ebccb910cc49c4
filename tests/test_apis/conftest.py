"""A small segmentation set, a head for it, and a cascade's config, all in files."""

from types import SimpleNamespace

import pytest
from mmengine.config import Config

from mmdenoise.datasets.textured_shapes import make_voc_dataset

SIZE = 48


@pytest.fixture(scope="session")
def world(tmp_path_factory, seg_config, save_head):
    """Folder, data and head; ``config()`` makes a config that the caller may change."""
    folder = tmp_path_factory.mktemp("world")
    data = str(make_voc_dataset(folder / "data", train=4, val=3, size=SIZE))
    model = seg_config(dict(mean=[120, 110, 100], std=[60, 61, 62], bgr_to_rgb=True))
    model["data_preprocessor"]["size"] = (SIZE, SIZE)
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
        size=SIZE,
    )
