# Your own classifier and a folder of clean images without labels, for all levels: L_H
# compares the head's output on the denoised image with its output on the clean one
# (docs/label_free.md).
_base_ = [
    "./_base_/joint_any_level.py",
    "./_base_/datasets/clean_folder_224.py",
    "./_base_/schedules/cascade_joint_500.py",
]
default_scope = "mmpretrain"
default_hooks = dict(checkpoint=dict(interval=50))
model = dict(
    type="mmdenoise.CascadeClassifier",
    head="my_classifier.py",
    head_checkpoint="my_classifier.pth",
    tap="backbone.layer3",
    loss=dict(target="head"),
)
