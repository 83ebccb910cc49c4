# As many iterations as the released classification training, 180,000; Adam, whose steps
# do not depend on the loss's unit, and cosine to zero.
optim_wrapper = dict(
    type="OptimWrapper",
    optimizer=dict(type="Adam", lr=2e-4),
    constructor="mmdenoise.DenoiserOptimWrapperConstructor",
)
param_scheduler = [
    dict(type="LinearLR", start_factor=0.1, by_epoch=False, begin=0, end=500),
    dict(type="CosineAnnealingLR", T_max=179500, by_epoch=False, begin=500, end=180000),
]
train_cfg = dict(type="IterBasedTrainLoop", max_iters=180000, val_interval=20000)
val_cfg = dict(type="ValLoop")
test_cfg = dict(type="TestLoop")
