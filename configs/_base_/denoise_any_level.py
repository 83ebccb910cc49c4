# What the networks that take the level are trained on: any from 0 to 75, of float noise
# and clipped to 8 bits, with flat areas.
_base_ = [
    "./default_runtime.py",
    "./noise_any_level.py",
    "./datasets/bsd432_flat_areas.py",
]
model = dict(
    type="mmdenoise.Cascade",
    denoiser=dict(type="mmdenoise.MultiScaleDenoiser", takes_sigma=True),
    # Against dots and tints on flat areas, which the squared error hardly sees.
    loss=dict(type="mmdenoise.JointLoss", perceptual=0, task=0, flat=2.0),
    # Flat patches differ from all others: statistics of a small batch tint them.
    denoiser_norm_eval=True,
)
# Checkpoints hold the average under `state_dict`.
default_hooks = dict(ema=dict(type="EMAHook", momentum=0.01))
