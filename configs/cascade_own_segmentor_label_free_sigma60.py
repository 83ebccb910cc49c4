# Your own segmentor and a folder of clean images without labels: L_H compares the
# head's output on the denoised image with its output on the clean one
# (docs/label_free.md).
_base_ = [
    "./_base_/default_runtime.py",
    "./_base_/datasets/clean_folder.py",
    "./_base_/schedules/cascade_seg_400.py",
]
default_scope = "mmseg"
default_hooks = dict(checkpoint=dict(interval=50))
model = dict(
    type="mmdenoise.CascadeSegmentor",
    denoiser=dict(type="mmdenoise.MultiScaleDenoiser"),
    denoiser_checkpoint="multiscale_sigma60",
    head="my_segmentor.py",
    head_checkpoint="my_segmentor.pth",
    tap="backbone.layer3",
    noise=dict(type="mmdenoise.GaussianNoise", sigma=60),
    loss=dict(type="mmdenoise.JointLoss", target="head"),
)
