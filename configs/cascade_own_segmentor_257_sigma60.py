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
model = dict(
    head_options=dict(data_preprocessor=dict(size=size, test_cfg=dict(size=size)))
)
