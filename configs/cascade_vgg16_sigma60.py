# The paper's classification cascade at sigma 60, in front of MMPretrain's VGG-16 (71.62
# top-1 on clean images), from the zoo's separate denoiser. Batches of 10 in all, so
# 10 / GPUs on each.
_base_ = [
    "./_base_/default_runtime.py",
    "./_base_/datasets/imagenet_pil_resize.py",
    "./_base_/schedules/cascade_cls_180k.py",
]
zoo = "https://download.openmmlab.com/mmclassification/v0/vgg/"
model = dict(
    type="mmdenoise.CascadeClassifier",
    denoiser=dict(type="mmdenoise.MultiScaleDenoiser"),
    denoiser_checkpoint="multiscale_sigma60",
    head="mmpretrain::vgg/vgg16_8xb32_in1k.py",
    head_checkpoint=zoo + "vgg16_batch256_imagenet_20210208-db26f1a5.pth",
    tap="backbone.features.8",  # relu3_3
    noise=dict(type="mmdenoise.GaussianNoise", sigma=60),
    # The weights that the paper prints for classification. Its pixel unit is not
    # stated; in ours, images in [0, 1], they leave L_D hardly a say, and with them no
    # published rate goes: hence Adam. The released code's weights, with its rate, are
    # cascade_vgg16_sigma60_release.py; `mmdenoise balance` tells how hard each pulls.
    loss=dict(type="mmdenoise.JointLoss", perceptual=0.5, task=0.25),
)
