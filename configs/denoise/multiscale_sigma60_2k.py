# The separate denoiser on a budget of two CPU cores; docs/results.md starts from it.
_base_ = [
    "../_base_/default_runtime.py",
    "../_base_/denoisers/multiscale.py",
    "../_base_/datasets/bsd432.py",
    "../_base_/schedules/denoise_adam_2k.py",
]
train_dataloader = dict(batch_size=16)
default_hooks = dict(checkpoint=dict(interval=250))
model = dict(noise=dict(sigma=60))
