# Your own segmentor where whole images at full size cost too much: one geometry, at
# most 257 pixels a side, in training and in testing. docs/results.md was made with it.
_base_ = "./cascade_own_segmentor_sigma60.py"
size = (257, 257)
train_dataloader = dict(
    dataset=dict(
        pipeline=[
            dict(type="mmdenoise.LoadImage"),
            dict(type="LoadAnnotations"),
            dict(type="Resize", scale=size, keep_ratio=True),
            dict(type="RandomFlip", prob=0.5),
            dict(type="PackSegInputs"),
        ]
    )
)
val_dataloader = dict(
    dataset=dict(
        pipeline=[
            dict(type="mmdenoise.LoadImage"),
            dict(type="Resize", scale=size, keep_ratio=True),
            # After Resize: the truth stays at the image's own size.
            dict(type="LoadAnnotations"),
            dict(type="PackSegInputs"),
        ]
    )
)
test_dataloader = val_dataloader
val_evaluator = [
    dict(type="IoUMetric", iou_metrics=["mIoU"]),
    # Where a part of VOC is used, the other classes have too few images to count.
    dict(
        type="mmdenoise.ClassIoU",
        of=["background", "cat", "cow", "dog", "horse", "person", "sheep"],
        name="mIoU7",
    ),
    dict(type="mmdenoise.PSNR"),
    dict(type="mmdenoise.SSIM"),
]
test_evaluator = val_evaluator
model = dict(
    head_options=dict(data_preprocessor=dict(size=size, test_cfg=dict(size=size)))
)
