# What configs/denoise/multiscale_sigmaN_from_blind.py share: the blind denoiser of
# multiscale_blind_4k.py, trained on for one level on a budget of two CPU cores.
_base_ = [
    "./default_runtime.py",
    "./denoisers/multiscale.py",
    "./datasets/bsd432.py",
    "./schedules/denoise_adam_600.py",
]
# One process, whose cache of decoded images (0.2 GB) is the only one.
train_dataloader = dict(batch_size=16, num_workers=0, persistent_workers=False)
default_hooks = dict(checkpoint=dict(interval=200))
model = dict(denoiser_checkpoint="work_dirs/multiscale_blind_4k/iter_4000.pth")
