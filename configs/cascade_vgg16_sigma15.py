_base_ = "./cascade_vgg16_sigma60.py"
model = dict(
    noise=dict(sigma=15),
    denoiser_checkpoint="work_dirs/multiscale_sigma15/iter_20000.pth",
)
