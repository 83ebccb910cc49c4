# One network that takes the level, 0 to 75, in minutes of two CPU cores. It
# goes on from the zoo's blind one, whose stem gets a fourth channel of zeros:
# docs/training_denoisers.md has the lines that make the file it starts from.
_base_ = [
    "../_base_/denoise_any_level.py",
    "../_base_/schedules/denoise_adam_on_1k.py",
]
model = dict(denoiser_checkpoint="work_dirs/multiscale_start.pth")
default_hooks = dict(checkpoint=dict(interval=200))
