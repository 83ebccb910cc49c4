# Your own classifier and a folder of clean images without labels: L_H compares the
# head's output on the denoised image with its output on the clean one
# (docs/label_free.md).
_base_ = [
    "./_base_/default_runtime.py",
    "./_base_/datasets/clean_folder_224.py",
    "./_base_/schedules/cascade_cls_100.py",
]
default_scope = "mmpretrain"
default_hooks = dict(checkpoint=dict(interval=25))
model = dict(
    type="mmdenoise.CascadeClassifier",
    denoiser=dict(type="mmdenoise.MultiScaleDenoiser"),
    denoiser_checkpoint="multiscale_sigma60",
    head="my_classifier.py",
    head_checkpoint="my_classifier.pth",
    tap="backbone.layer3",
    noise=dict(type="mmdenoise.GaussianNoise", sigma=60),
    loss=dict(type="mmdenoise.JointLoss", target="head"),
)
