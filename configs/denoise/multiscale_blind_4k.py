# One denoiser for every level from 5 to 65, on a budget of two CPU cores. What
# multiscale_sigmaN_from_blind.py go on from.
_base_ = [
    "../_base_/default_runtime.py",
    "../_base_/denoisers/multiscale.py",
    "../_base_/datasets/bsd432.py",
    "../_base_/schedules/denoise_adam_4k.py",
]
# One process, whose cache of decoded images (0.2 GB) is the only one.
train_dataloader = dict(batch_size=16, num_workers=0, persistent_workers=False)
default_hooks = dict(checkpoint=dict(interval=250))
model = dict(noise=dict(sigma=(5, 65)))
