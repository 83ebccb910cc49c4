_base_ = "../cascade_deeplab_sigma45.py"
model = dict(denoiser_checkpoint="work_dirs/cascade_vgg16_sigma45/iter_180000.pth")
