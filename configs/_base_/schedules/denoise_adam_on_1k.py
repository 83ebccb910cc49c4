# On from trained weights in small batches, within half an hour of two shared CPU cores:
# Adam in bfloat16 where there are instructions for it, cosine to zero.
optim_wrapper = dict(
    type="mmdenoise.MixedPrecisionOptimWrapper",
    optimizer=dict(type="Adam", lr=6e-5),
    constructor="mmdenoise.DenoiserOptimWrapperConstructor",
)
param_scheduler = [
    dict(type="LinearLR", start_factor=0.01, by_epoch=False, begin=0, end=50),
    dict(type="CosineAnnealingLR", T_max=1450, by_epoch=False, begin=50, end=1500),
]
train_cfg = dict(type="IterBasedTrainLoop", max_iters=1500, val_interval=500)
val_cfg = dict(type="ValLoop")
test_cfg = dict(type="TestLoop")
