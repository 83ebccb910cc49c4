# The same as the released code trains it: no perceptual loss, L_H and L_D in its
# proportion (see the schedule), SGD.
_base_ = [
    "./_base_/default_runtime.py",
    "./_base_/datasets/imagenet_pil_resize.py",
    "./_base_/schedules/cascade_cls_sgd_180k.py",
]
zoo = "https://download.openmmlab.com/mmclassification/v0/vgg/"
model = dict(
    type="mmdenoise.CascadeClassifier",
    denoiser=dict(type="mmdenoise.MultiScaleDenoiser"),
    denoiser_checkpoint="multiscale_sigma60",
    head="mmpretrain::vgg/vgg16_8xb32_in1k.py",
    head_checkpoint=zoo + "vgg16_batch256_imagenet_20210208-db26f1a5.pth",
    noise=dict(type="mmdenoise.GaussianNoise", sigma=60),
    loss=dict(type="mmdenoise.JointLoss", perceptual=0, task=0.0123),
)
