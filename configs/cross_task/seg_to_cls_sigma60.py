# The denoiser trained in front of the segmentor, in front of the classifier as it is:
# tools/test.py, and no training.
_base_ = "../cascade_vgg16_sigma60.py"
model = dict(denoiser_checkpoint="work_dirs/cascade_deeplab_sigma60/iter_60000.pth")
