# The same resized by Pillow, as MMPretrain's imagenet_bs32_pil_resize, for heads that
# were trained so: Pillow smooths before it shrinks, OpenCV does not.
_base_ = "./imagenet.py"
train_dataloader = dict(
    dataset=dict(
        pipeline=[
            dict(type="mmdenoise.LoadImage"),
            dict(type="RandomResizedCrop", scale=224, backend="pillow"),
            dict(type="RandomFlip", prob=0.5, direction="horizontal"),
            dict(type="PackInputs"),
        ]
    )
)
val_dataloader = dict(
    dataset=dict(
        pipeline=[
            dict(type="mmdenoise.LoadImage"),
            dict(type="ResizeEdge", scale=256, edge="short", backend="pillow"),
            dict(type="CenterCrop", crop_size=224),
            dict(type="PackInputs"),
        ]
    )
)
test_dataloader = val_dataloader
