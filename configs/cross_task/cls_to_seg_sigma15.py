_base_ = "../cascade_deeplab_sigma15.py"
model = dict(denoiser_checkpoint="work_dirs/cascade_vgg16_sigma15/iter_180000.pth")
