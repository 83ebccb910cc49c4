_base_ = "../cascade_vgg16_sigma45.py"
model = dict(denoiser_checkpoint="work_dirs/cascade_deeplab_sigma45/iter_60000.pth")
