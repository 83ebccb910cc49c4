# Whole ImageNet images, resized to 224x224, in training as in testing, for heads that
# are tested so.
default_scope = "mmpretrain"
data_root = "data/imagenet"
train_dataloader = dict(
    batch_size=4,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type="InfiniteSampler", shuffle=True),
    dataset=dict(
        type="mmdenoise.ImageNetDataset",
        data_root=data_root,
        split="train",
        pipeline=[
            dict(type="mmdenoise.LoadImage", convert=("L", "CMYK")),
            dict(
                type="Resize",
                scale=(224, 224),
                interpolation="bilinear",
                backend="pillow",
            ),
            dict(type="RandomFlip", prob=0.5, direction="horizontal"),
            dict(type="PackInputs"),
        ],
    ),
)
val_dataloader = dict(
    batch_size=8,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        type="mmdenoise.ImageNetDataset",
        data_root=data_root,
        split="val",
        pipeline=[
            dict(type="mmdenoise.LoadImage", convert=("L", "CMYK")),
            dict(
                type="Resize",
                scale=(224, 224),
                interpolation="bilinear",
                backend="pillow",
            ),
            dict(type="PackInputs"),
        ],
    ),
)
test_dataloader = val_dataloader
val_evaluator = [
    dict(type="Accuracy", topk=(1, 5)),
    dict(type="mmdenoise.PSNR"),
    dict(type="mmdenoise.SSIM"),
]
test_evaluator = val_evaluator
