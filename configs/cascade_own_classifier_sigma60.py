# Your own classifier: name its config, its checkpoint and a tap here, or on the command
# line with --cfg-options model.head=... model.head_checkpoint=... model.tap=...
_base_ = [
    "./_base_/default_runtime.py",
    "./_base_/datasets/imagenet_whole.py",
    "./_base_/schedules/cascade_cls_100.py",
]
default_hooks = dict(checkpoint=dict(interval=25))
model = dict(
    type="mmdenoise.CascadeClassifier",
    denoiser=dict(type="mmdenoise.MultiScaleDenoiser"),
    denoiser_checkpoint="multiscale_sigma60",
    head="my_classifier.py",
    head_checkpoint="my_classifier.pth",
    tap="backbone.layer3",
    noise=dict(type="mmdenoise.GaussianNoise", sigma=60),
    loss=dict(type="mmdenoise.JointLoss"),
)
