# Real noisy/clean pairs: nothing is added, and the zoo's blind denoiser is trained on.
_base_ = [
    "../_base_/default_runtime.py",
    "../_base_/denoisers/multiscale.py",
    "../_base_/datasets/real_pairs.py",
    "../_base_/schedules/denoise_adam_2k.py",
]
optim_wrapper = dict(optimizer=dict(lr=3e-4))
model = dict(denoiser_checkpoint="multiscale_blind", noise=None)
default_hooks = dict(checkpoint=dict(interval=500))
