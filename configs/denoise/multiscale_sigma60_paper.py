# The paper's denoiser on the paper's schedule: weeks on two CPU cores.
_base_ = [
    "../_base_/default_runtime.py",
    "../_base_/denoisers/multiscale.py",
    "../_base_/datasets/bsd432.py",
    "../_base_/schedules/denoise_sgd_1500k.py",
]
model = dict(noise=dict(sigma=60))
