# Any folder of clean images, whole, resized to 224x224 for heads that are tested so.
_base_ = "./clean_folder.py"
load = [
    dict(type="mmdenoise.LoadImage", convert=("L", "CMYK")),
    dict(
        type="mmpretrain.Resize",
        scale=(224, 224),
        interpolation="bilinear",
        backend="pillow",
    ),
]
train_dataloader = dict(
    batch_size=4,
    dataset=dict(
        pipeline=[
            *load,
            dict(type="mmcv.RandomFlip", prob=0.5),
            dict(type="mmpretrain.PackInputs"),
        ],
    ),
)
val_dataloader = dict(
    batch_size=8, dataset=dict(pipeline=[*load, dict(type="mmpretrain.PackInputs")])
)
test_dataloader = val_dataloader
