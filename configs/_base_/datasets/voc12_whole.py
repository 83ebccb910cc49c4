# Whole VOC images at their own size, in training as in testing, for heads that are
# tested so: on crops a head is another network, and a denoiser would learn to please it
# there. The head's preprocessor pads them.
default_scope = "mmseg"
data_root = "data/VOCdevkit/VOC2012"
train_dataloader = dict(
    batch_size=2,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type="InfiniteSampler", shuffle=True),
    dataset=dict(
        type="mmdenoise.VOCDataset",
        data_root=data_root,
        data_prefix=dict(img_path="JPEGImages", seg_map_path="SegmentationClass"),
        ann_file="ImageSets/Segmentation/train.txt",
        pipeline=[
            dict(type="mmdenoise.LoadImage"),
            dict(type="LoadAnnotations"),
            dict(type="RandomFlip", prob=0.5),
            dict(type="PackSegInputs"),
        ],
    ),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        type="mmdenoise.VOCDataset",
        data_root=data_root,
        data_prefix=dict(img_path="JPEGImages", seg_map_path="SegmentationClass"),
        ann_file="ImageSets/Segmentation/val.txt",
        pipeline=[
            dict(type="mmdenoise.LoadImage"),
            dict(type="LoadAnnotations"),
            dict(type="PackSegInputs"),
        ],
    ),
)
test_dataloader = val_dataloader
val_evaluator = [
    dict(type="IoUMetric", iou_metrics=["mIoU"]),
    dict(type="mmdenoise.PSNR"),
    dict(type="mmdenoise.SSIM"),
]
test_evaluator = val_evaluator
