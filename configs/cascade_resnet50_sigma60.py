# The cascade in front of MMPretrain's ResNet-50 (76.55 top-1 on clean images), at sigma
# 60. Batches of 10 in all, so 10 / GPUs on each.
_base_ = [
    "./_base_/default_runtime.py",
    "./_base_/datasets/imagenet.py",
    "./_base_/schedules/cascade_cls_180k.py",
]
zoo = "https://download.openmmlab.com/mmclassification/v0/resnet/"
model = dict(
    type="mmdenoise.CascadeClassifier",
    denoiser=dict(type="mmdenoise.MultiScaleDenoiser"),
    denoiser_checkpoint="multiscale_sigma60",
    head="mmpretrain::resnet/resnet50_8xb32_in1k.py",
    head_checkpoint=zoo + "resnet50_8xb32_in1k_20210831-ea4938fc.pth",
    tap="backbone.layer2",
    noise=dict(type="mmdenoise.GaussianNoise", sigma=60),
    loss=dict(type="mmdenoise.JointLoss"),
)
