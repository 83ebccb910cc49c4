# On from trained weights in small batches, in a quarter of an hour of two shared CPU
# cores: Adam in bfloat16 where there are instructions for it, cosine to zero.
optim_wrapper = dict(
    type="mmdenoise.MixedPrecisionOptimWrapper",
    optimizer=dict(type="Adam", lr=1e-4),
    constructor="mmdenoise.DenoiserOptimWrapperConstructor",
)
param_scheduler = [
    dict(type="LinearLR", start_factor=0.01, by_epoch=False, begin=0, end=30),
    dict(type="CosineAnnealingLR", T_max=970, by_epoch=False, begin=30, end=1000),
]
train_cfg = dict(type="IterBasedTrainLoop", max_iters=1000, val_interval=1000)
val_cfg = dict(type="ValLoop")
test_cfg = dict(type="TestLoop")
