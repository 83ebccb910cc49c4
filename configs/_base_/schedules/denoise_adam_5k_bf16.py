# Three minutes on one GPU (H200) at batch 1024: Adam in bfloat16, cosine to zero.
optim_wrapper = dict(
    type="mmdenoise.MixedPrecisionOptimWrapper",
    optimizer=dict(type="Adam", lr=1e-3),
    # The release's x0.1 for the last layer is SGD's.
    constructor="mmdenoise.DenoiserOptimWrapperConstructor",
)
param_scheduler = [
    dict(type="LinearLR", start_factor=0.01, by_epoch=False, begin=0, end=200),
    dict(type="CosineAnnealingLR", T_max=4800, by_epoch=False, begin=200, end=5000),
]
train_cfg = dict(type="IterBasedTrainLoop", max_iters=5000, val_interval=5000)
val_cfg = dict(type="ValLoop")
test_cfg = dict(type="TestLoop")
