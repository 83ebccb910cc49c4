_base_ = "./cascade_vgg16_sigma60.py"
model = dict(
    noise=dict(sigma=30),
    denoiser_checkpoint="multiscale_sigma30",
)
