_base_ = "../cascade_vgg16_sigma15.py"
model = dict(denoiser_checkpoint="work_dirs/cascade_deeplab_sigma15/iter_60000.pth")
