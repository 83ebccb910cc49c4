# The same within reach of two CPU cores: 2,000 iterations, under an hour at batch 16.
optim_wrapper = dict(
    type="OptimWrapper",
    optimizer=dict(type="Adam", lr=1e-3),
    # The release's x0.1 for the last layer is SGD's: under
    # Adam it slows the start (21.9 instead of 23.4 dB after 120 iterations).
    constructor="mmdenoise.DenoiserOptimWrapperConstructor",
)
param_scheduler = [
    dict(type="LinearLR", start_factor=0.01, by_epoch=False, begin=0, end=100),
    dict(type="CosineAnnealingLR", T_max=1900, by_epoch=False, begin=100, end=2000),
]
train_cfg = dict(type="IterBasedTrainLoop", max_iters=2000, val_interval=2000)
val_cfg = dict(type="ValLoop")
test_cfg = dict(type="TestLoop")
