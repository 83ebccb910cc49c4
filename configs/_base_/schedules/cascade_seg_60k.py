# 60,000 iterations as in the paper's segmentation runs; Adam, cosine to zero.
optim_wrapper = dict(
    type="OptimWrapper",
    optimizer=dict(type="Adam", lr=2e-4),
    constructor="mmdenoise.DenoiserOptimWrapperConstructor",
)
param_scheduler = [
    dict(type="LinearLR", start_factor=0.1, by_epoch=False, begin=0, end=500),
    dict(type="CosineAnnealingLR", T_max=59500, by_epoch=False, begin=500, end=60000),
]
train_cfg = dict(type="IterBasedTrainLoop", max_iters=60000, val_interval=10000)
val_cfg = dict(type="ValLoop")
test_cfg = dict(type="TestLoop")
