# Your own classifier, and one denoiser for all levels of noise: name the head's config,
# its checkpoint and a tap here, or on the command line with --cfg-options
# model.head=... model.head_checkpoint=... model.tap=...
_base_ = [
    "./_base_/joint_any_level.py",
    "./_base_/datasets/imagenet_whole.py",
    "./_base_/schedules/cascade_joint_500.py",
]
default_hooks = dict(checkpoint=dict(interval=50))
model = dict(
    type="mmdenoise.CascadeClassifier",
    head="my_classifier.py",
    head_checkpoint="my_classifier.pth",
    tap="backbone.layer3",
)
