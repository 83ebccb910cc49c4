# A larger network by the same recipe, from nothing: four scales, encoders 256 wide.
_base_ = "./multiscale_gpu.py"
model = dict(
    denoiser=dict(scales=4, encoder_channels=256),
    denoiser_checkpoint=None,
    # Statistics of BN have yet to be found.
    denoiser_norm_eval=False,
)
