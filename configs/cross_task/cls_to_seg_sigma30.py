_base_ = "../cascade_deeplab_sigma30.py"
model = dict(denoiser_checkpoint="work_dirs/cascade_vgg16_sigma30/iter_180000.pth")
