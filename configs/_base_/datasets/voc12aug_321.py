# Pascal VOC 2012 with the SBD masks as DeepLab uses it: crops of 321x321 and flips of
# unscaled images for training, unscaled whole images for testing. The head's
# preprocessor pads.
default_scope = "mmseg"
data_root = "data/VOCdevkit/VOC2012"
train_pipeline = [
    dict(type="mmdenoise.LoadImage"),
    dict(type="LoadAnnotations"),
    dict(type="RandomCrop", crop_size=(321, 321)),
    dict(type="RandomFlip", prob=0.5),
    dict(type="PackSegInputs"),
]
test_pipeline = [
    dict(type="mmdenoise.LoadImage"),
    dict(type="LoadAnnotations"),
    dict(type="PackSegInputs"),
]
train_set = dict(
    type="mmdenoise.VOCDataset",
    data_root=data_root,
    data_prefix=dict(img_path="JPEGImages", seg_map_path="SegmentationClass"),
    ann_file="ImageSets/Segmentation/train.txt",
    pipeline=train_pipeline,
)
aug_set = dict(
    type="mmdenoise.VOCDataset",
    data_root=data_root,
    data_prefix=dict(img_path="JPEGImages", seg_map_path="SegmentationClassAug"),
    ann_file="ImageSets/Segmentation/aug.txt",
    pipeline=train_pipeline,
)
train_dataloader = dict(
    batch_size=6,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type="InfiniteSampler", shuffle=True),
    dataset=dict(type="ConcatDataset", datasets=[train_set, aug_set]),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        type="mmdenoise.VOCDataset",
        data_root=data_root,
        data_prefix=dict(img_path="JPEGImages", seg_map_path="SegmentationClass"),
        ann_file="ImageSets/Segmentation/val.txt",
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader
val_evaluator = [
    dict(type="IoUMetric", iou_metrics=["mIoU"]),
    dict(type="mmdenoise.PSNR"),
    dict(type="mmdenoise.SSIM"),
]
test_evaluator = val_evaluator
