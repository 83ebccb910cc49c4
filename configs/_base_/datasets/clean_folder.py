# Any folder of clean images, whole and at their own size; no labels.
data_root = "data/clean_images"
how_to_get = (
    "any clean images will do: put some into train/ and val/, or set data_root, "
    "train_dataloader.dataset.data_root and val_dataloader.dataset.data_root to yours"
)
train_dataloader = dict(
    batch_size=2,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type="InfiniteSampler", shuffle=True),
    dataset=dict(
        type="mmdenoise.CleanImageDataset",
        data_root=data_root + "/train",
        how_to_get=how_to_get,
        pipeline=[
            dict(type="mmdenoise.LoadImage"),
            dict(type="mmcv.RandomFlip", prob=0.5),
            dict(type="mmdenoise.PackImage"),
        ],
    ),
)
val_dataloader = dict(
    batch_size=2,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        type="mmdenoise.CleanImageDataset",
        data_root=data_root + "/val",
        how_to_get=how_to_get,
        pipeline=[dict(type="mmdenoise.LoadImage"), dict(type="mmdenoise.PackImage")],
    ),
)
test_dataloader = val_dataloader
val_evaluator = [dict(type="mmdenoise.PSNR"), dict(type="mmdenoise.SSIM")]
test_evaluator = val_evaluator
