# On from trained weights in small batches, in an hour of two CPU cores with
# instructions for bfloat16: Adam, cosine to zero.
optim_wrapper = dict(
    type="mmdenoise.MixedPrecisionOptimWrapper",
    optimizer=dict(type="Adam", lr=3e-4),
    constructor="mmdenoise.DenoiserOptimWrapperConstructor",
)
param_scheduler = [
    dict(type="LinearLR", start_factor=0.01, by_epoch=False, begin=0, end=100),
    dict(type="CosineAnnealingLR", T_max=19_900, by_epoch=False, begin=100, end=20_000),
]
train_cfg = dict(type="IterBasedTrainLoop", max_iters=20_000, val_interval=2_500)
val_cfg = dict(type="ValLoop")
test_cfg = dict(type="TestLoop")
