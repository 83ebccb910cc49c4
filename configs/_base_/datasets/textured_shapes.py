# The generated set, whole images. Loading them takes no worker processes.
default_scope = "mmseg"
data_root = "work_dirs/demo/data"
train_dataloader = dict(
    batch_size=4,
    num_workers=0,
    sampler=dict(type="InfiniteSampler", shuffle=True),
    dataset=dict(
        type="mmdenoise.TexturedShapesDataset",
        data_root=data_root,
        ann_file="ImageSets/Segmentation/train.txt",
        pipeline=[
            dict(type="mmdenoise.LoadImage", cache=True),
            dict(type="LoadAnnotations"),
            dict(type="RandomFlip", prob=0.5),
            dict(type="PackSegInputs"),
        ],
    ),
)
test_dataloader = dict(
    batch_size=10,
    num_workers=0,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        type="mmdenoise.TexturedShapesDataset",
        data_root=data_root,
        ann_file="ImageSets/Segmentation/val.txt",
        pipeline=[
            dict(type="mmdenoise.LoadImage", cache=True),
            dict(type="LoadAnnotations"),
            dict(type="PackSegInputs"),
        ],
    ),
)
test_cfg = dict(type="TestLoop")
test_evaluator = [
    dict(type="IoUMetric", iou_metrics=["mIoU"]),
    dict(type="mmdenoise.PSNR"),
    dict(type="mmdenoise.SSIM"),
]
