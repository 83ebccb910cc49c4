# A denoiser trained with the joint loss before the classifier, from the same start as
# the segmentor's.
_base_ = [
    "../_base_/default_runtime.py",
    "../_base_/datasets/textured_classes.py",
]
model = dict(
    type="mmdenoise.CascadeClassifier",
    denoiser=dict(
        type="mmdenoise.MultiScaleDenoiser",
        encoder_channels=64,
        decoder_channels=64,
        stem_channels=32,
    ),
    denoiser_checkpoint="work_dirs/demo/seed0/denoiser/iter_600.pth",
    head="{{ fileDirname }}/classifier.py",
    head_checkpoint="work_dirs/demo/seed0/classifier/iter_300.pth",
    tap="backbone.layer1",
    noise=dict(type="mmdenoise.GaussianNoise", sigma=60),
    loss=dict(type="mmdenoise.JointLoss", perceptual=2e-3, task=5e-3),
)
optim_wrapper = dict(
    type="OptimWrapper",
    optimizer=dict(type="Adam", lr=1e-3),
    constructor="mmdenoise.DenoiserOptimWrapperConstructor",
)
param_scheduler = [
    dict(type="LinearLR", start_factor=0.05, by_epoch=False, begin=0, end=20),
    dict(type="CosineAnnealingLR", T_max=280, by_epoch=False, begin=20, end=300),
]
train_cfg = dict(type="IterBasedTrainLoop", max_iters=300)
default_hooks = dict(checkpoint=dict(interval=50))
