# For a denoiser that is trained already, within reach of two CPU cores: 600 iterations.
optim_wrapper = dict(
    type="OptimWrapper",
    optimizer=dict(type="Adam", lr=3e-4),
    # Any paramwise setting makes MMEngine collect the parameters one by one, which
    # leaves a frozen head's out. The release's x0.1 for the last layer is SGD's.
    paramwise_cfg=dict(custom_keys={"denoiser.output": dict(lr_mult=1.0)}),
)
param_scheduler = [
    dict(type="LinearLR", start_factor=0.01, by_epoch=False, begin=0, end=20),
    dict(type="CosineAnnealingLR", T_max=580, by_epoch=False, begin=20, end=600),
]
train_cfg = dict(type="IterBasedTrainLoop", max_iters=600, val_interval=600)
val_cfg = dict(type="ValLoop")
test_cfg = dict(type="TestLoop")
