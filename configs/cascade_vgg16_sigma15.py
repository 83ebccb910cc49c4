_base_ = "./cascade_vgg16_sigma60.py"
model = dict(
    noise=dict(sigma=15),
    denoiser_checkpoint="multiscale_sigma15",
)
