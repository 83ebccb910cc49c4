# 432 Berkeley images (BSDS500 without the 68 of CBSD68), 48x48 patches, batch 32. The
# images lie decoded on the device, 0.2 GB, and the patches are cut there. For sets
# beyond its memory: mmdenoise.CleanImageDataset with this pipeline, sampler=dict(
# type="InfiniteSampler", shuffle=True), num_workers=2 and persistent_workers=True:
#   dict(type="mmdenoise.LoadImage"), dict(type="mmdenoise.RandomPatch", size=48),
#   dict(type="mmcv.RandomFlip", prob=0.5), dict(type="mmdenoise.PackImage")
default_scope = "mmengine"
data_root = "data/denoising"
how_to_get = (
    "download BSDS500 (Arbelaez et al.), put the 432 images that are not in CBSD68 "
    "into bsd432/, the 68 into cbsd68/, or set data_root to folders of clean images"
)
train_dataloader = dict(
    batch_size=32,
    num_workers=0,
    sampler=dict(type="mmdenoise.DrawSampler"),
    collate_fn=dict(type="default_collate"),
    dataset=dict(
        type="mmdenoise.PatchDataset",
        data_root=data_root + "/bsd432",
        size=48,
        how_to_get=how_to_get,
    ),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        type="mmdenoise.CleanImageDataset",
        data_root=data_root + "/cbsd68",
        how_to_get=how_to_get,
        pipeline=[dict(type="mmdenoise.LoadImage"), dict(type="mmdenoise.PackImage")],
    ),
)
test_dataloader = val_dataloader
val_evaluator = [dict(type="mmdenoise.PSNR"), dict(type="mmdenoise.SSIM")]
test_evaluator = val_evaluator
