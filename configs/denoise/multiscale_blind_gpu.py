# One denoiser for every level from 5 to 65, in minutes on one GPU: the zoo's blind one,
# which its others, multiscale_sigmaN_gpu.py, go on from.
_base_ = [
    "../_base_/default_runtime.py",
    "../_base_/denoisers/multiscale.py",
    "../_base_/datasets/bsd432.py",
    "../_base_/schedules/denoise_adam_5k_bf16.py",
]
train_dataloader = dict(batch_size=1024)
default_hooks = dict(checkpoint=dict(interval=1000))
model = dict(noise=dict(sigma=(5, 65)))
