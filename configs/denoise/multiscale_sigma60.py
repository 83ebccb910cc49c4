# The separate denoiser of the paper at sigma 60.
_base_ = [
    "../_base_/default_runtime.py",
    "../_base_/denoisers/multiscale.py",
    "../_base_/datasets/bsd432.py",
    "../_base_/schedules/denoise_adam_20k.py",
]
model = dict(noise=dict(sigma=60))
