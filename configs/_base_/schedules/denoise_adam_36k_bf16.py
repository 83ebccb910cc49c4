# For a level-taking denoiser within fifteen minutes of one GPU (H200) at batch 512: 18
# million patches. Adam in bfloat16, cosine to zero. Not tuned at this length.
optim_wrapper = dict(
    type="mmdenoise.MixedPrecisionOptimWrapper",
    optimizer=dict(type="Adam", lr=7e-4),
    constructor="mmdenoise.DenoiserOptimWrapperConstructor",
)
param_scheduler = [
    dict(type="LinearLR", start_factor=0.01, by_epoch=False, begin=0, end=500),
    dict(type="CosineAnnealingLR", T_max=35500, by_epoch=False, begin=500, end=36000),
]
train_cfg = dict(type="IterBasedTrainLoop", max_iters=36000, val_interval=12000)
val_cfg = dict(type="ValLoop")
test_cfg = dict(type="TestLoop")
