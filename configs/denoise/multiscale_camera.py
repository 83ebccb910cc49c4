# A camera's noise, demosaiced, in sRGB and as JPEG; from the zoo's blind one on.
_base_ = [
    "../_base_/default_runtime.py",
    "../_base_/denoisers/multiscale.py",
    "../_base_/datasets/bsd432.py",
    "../_base_/schedules/denoise_adam_2k.py",
]
model = dict(
    denoiser_checkpoint="multiscale_blind",
    noise=dict(
        type="mmdenoise.CameraNoise", peak=(60, 1500), sigma=(0, 2), jpeg=(60, 100)
    ),
)
default_hooks = dict(checkpoint=dict(interval=500))
