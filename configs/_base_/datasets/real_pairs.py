# Real noisy/clean pairs. layout is "folders" (noisy/ and clean/), "sidd", "polyu" or
# "cc", or the parts in which two paths differ: ("_noisy.", "_clean."). Crops and flips
# act on both of a pair.
default_scope = "mmengine"
data_root = "data/real_noise"
layout = "folders"
how_to_get = "put pairs into train/ and val/, or set data_root and layout to yours"
train_dataloader = dict(
    batch_size=16,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type="InfiniteSampler", shuffle=True),
    dataset=dict(
        type="mmdenoise.PairedImageDataset",
        data_root=data_root + "/train",
        layout=layout,
        how_to_get=how_to_get,
        pipeline=[
            dict(type="mmdenoise.LoadPair"),
            dict(type="mmdenoise.RandomPatch", size=48),
            dict(type="mmcv.RandomFlip", prob=0.5),
            dict(type="mmdenoise.PackPair"),
        ],
    ),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        type="mmdenoise.PairedImageDataset",
        data_root=data_root + "/val",
        layout=layout,
        how_to_get=how_to_get,
        pipeline=[dict(type="mmdenoise.LoadPair"), dict(type="mmdenoise.PackPair")],
    ),
)
test_dataloader = val_dataloader
val_evaluator = [dict(type="mmdenoise.PSNR"), dict(type="mmdenoise.SSIM")]
test_evaluator = val_evaluator
