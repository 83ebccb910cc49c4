# The denoiser trained in front of the classifier, in front of the segmentor as it is:
# tools/test.py, and no training.
_base_ = "../cascade_deeplab_sigma60.py"
model = dict(denoiser_checkpoint="work_dirs/cascade_vgg16_sigma60/iter_180000.pth")
