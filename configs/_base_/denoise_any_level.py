# What the networks that take the level are trained on: any from 0 to 75, of float noise
# and clipped to 8 bits, with flat areas.
_base_ = [
    "./default_runtime.py",
    "./denoisers/multiscale.py",
    "./datasets/bsd432_flat_areas.py",
]
model = dict(
    denoiser=dict(takes_sigma=True),
    noise=dict(
        _delete_=True,
        type="mmdenoise.NoiseChoice",
        models=[
            dict(type="mmdenoise.GaussianNoise", sigma=(0, 75)),
            dict(
                type="mmdenoise.GaussianNoise", sigma=(0, 75), clip=True, quantise=True
            ),
            # No noise, whatever is told: what needs nothing is left alone.
            dict(type="mmdenoise.GaussianNoise", sigma=0, told=(0, 75)),
        ],
        shares=(0.63, 0.25, 0.12),
    ),
    # Against dots and tints on flat areas, which the squared error hardly sees.
    loss=dict(flat=2.0),
    # Flat patches differ from all others: statistics of a small batch tint them.
    denoiser_norm_eval=True,
)
# Checkpoints hold the average under `state_dict`.
default_hooks = dict(ema=dict(type="EMAHook", momentum=0.01))
