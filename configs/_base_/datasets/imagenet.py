# ImageNet-1k as MMPretrain's imagenet_bs32, but for the batch: 10, the released code's.
default_scope = "mmpretrain"
data_root = "data/imagenet"
train_dataloader = dict(
    batch_size=10,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type="InfiniteSampler", shuffle=True),
    dataset=dict(
        type="mmdenoise.ImageNetDataset",
        data_root=data_root,
        split="train",
        pipeline=[
            dict(type="mmdenoise.LoadImage"),
            dict(type="RandomResizedCrop", scale=224),
            dict(type="RandomFlip", prob=0.5, direction="horizontal"),
            dict(type="PackInputs"),
        ],
    ),
)
val_dataloader = dict(
    batch_size=32,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        type="mmdenoise.ImageNetDataset",
        data_root=data_root,
        split="val",
        pipeline=[
            dict(type="mmdenoise.LoadImage"),
            dict(type="ResizeEdge", scale=256, edge="short"),
            dict(type="CenterCrop", crop_size=224),
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
