# The zoo's `multiscale`, in an hour of two CPU cores: on from its predecessor, which
# multiscale.py ended with. 640,000 patches.
_base_ = [
    "../_base_/denoise_any_level.py",
    "../_base_/schedules/denoise_adam_on_20k.py",
]
model = dict(denoiser_checkpoint="multiscale_2026_11")
default_hooks = dict(checkpoint=dict(interval=500), ema=dict(momentum=0.003))
