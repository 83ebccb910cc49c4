# The cascade in front of MMSegmentation's DeepLabV3-R50 (the zoo's VOC checkpoint, with
# 76.17 mIoU on clean images), at sigma 60. Another noise level is two lines: _base_ =
# [this] and model = dict(noise=dict(sigma=30), denoiser_checkpoint=...).
_base_ = [
    "./_base_/default_runtime.py",
    "./_base_/heads/deeplabv3_r50.py",
    "./_base_/datasets/voc12aug.py",
    "./_base_/schedules/cascade_seg_60k.py",
]
zoo = "https://download.openmmlab.com/mmsegmentation/v0.5/deeplabv3/"
model = dict(
    _delete_=True,
    type="mmdenoise.CascadeSegmentor",
    denoiser=dict(type="mmdenoise.MultiScaleDenoiser"),
    denoiser_checkpoint="multiscale_sigma60",
    head={{_base_.model}},  # noqa: F821
    head_checkpoint=zoo + "deeplabv3_r50-d8_512x512_20k_voc12aug/"
    "deeplabv3_r50-d8_512x512_20k_voc12aug_20200617_010906-596905ef.pth",
    tap="backbone.layer3",
    noise=dict(type="mmdenoise.GaussianNoise", sigma=60),
    loss=dict(type="mmdenoise.JointLoss"),
)
