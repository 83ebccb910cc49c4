# Within a quarter of an hour of two CPU cores: 500 iterations from a denoiser that is
# trained already, in bfloat16 where there are instructions for it, cosine to zero.
optim_wrapper = dict(
    type="mmdenoise.MixedPrecisionOptimWrapper",
    optimizer=dict(type="Adam", lr=2e-4),
    constructor="mmdenoise.DenoiserOptimWrapperConstructor",
)
param_scheduler = [
    dict(type="LinearLR", start_factor=0.1, by_epoch=False, begin=0, end=10),
    dict(type="CosineAnnealingLR", T_max=490, by_epoch=False, begin=10, end=500),
]
train_cfg = dict(type="IterBasedTrainLoop", max_iters=500, val_interval=500)
val_cfg = dict(type="ValLoop")
test_cfg = dict(type="TestLoop")
