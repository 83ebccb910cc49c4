# As many patches as the paper's 1,500,000 iterations of 32, 48 million, in 187,500 of
# 256, so that a GPU computes rather than launches: Adam in bfloat16, cosine to zero.
# The rate is that of denoise_adam_20k.py; it has not been tuned at this batch.
optim_wrapper = dict(
    type="mmdenoise.MixedPrecisionOptimWrapper",
    optimizer=dict(type="Adam", lr=1e-3),
    # The release's x0.1 for the last layer is SGD's.
    constructor="mmdenoise.DenoiserOptimWrapperConstructor",
)
param_scheduler = [
    dict(type="LinearLR", start_factor=0.01, by_epoch=False, begin=0, end=1000),
    dict(
        type="CosineAnnealingLR", T_max=186500, by_epoch=False, begin=1000, end=187500
    ),
]
train_cfg = dict(type="IterBasedTrainLoop", max_iters=187500, val_interval=12500)
val_cfg = dict(type="ValLoop")
test_cfg = dict(type="TestLoop")
