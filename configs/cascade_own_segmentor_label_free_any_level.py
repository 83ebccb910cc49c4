# Your own segmentor and a folder of clean images without labels, for all levels: L_H
# compares the head's output on the denoised image with its output on the clean one
# (docs/label_free.md).
_base_ = [
    "./_base_/joint_any_level.py",
    "./_base_/datasets/clean_folder.py",
    "./_base_/schedules/cascade_joint_500.py",
]
default_scope = "mmseg"
default_hooks = dict(checkpoint=dict(interval=50))
train_dataloader = dict(batch_size=1)
model = dict(
    type="mmdenoise.CascadeSegmentor",
    head="my_segmentor.py",
    head_checkpoint="my_segmentor.pth",
    tap="backbone.layer3",
    loss=dict(target="head"),
)
