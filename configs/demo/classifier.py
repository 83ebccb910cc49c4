# A stock classifier of the same textures, trained on clean images, as a user would
# bring it. No denoiser of the demo is trained in front of it.
_base_ = [
    "../_base_/default_runtime.py",
    "../_base_/heads/resnet18_small.py",
    "../_base_/datasets/textured_classes.py",
]
optim_wrapper = dict(
    type="OptimWrapper", optimizer=dict(type="AdamW", lr=3e-3, weight_decay=0.01)
)
param_scheduler = [
    dict(type="LinearLR", start_factor=0.05, by_epoch=False, begin=0, end=20),
    dict(type="CosineAnnealingLR", T_max=280, by_epoch=False, begin=20, end=300),
]
train_cfg = dict(type="IterBasedTrainLoop", max_iters=300)
default_hooks = dict(checkpoint=dict(interval=50))
# By itself it denoises nothing that PSNR could score.
test_evaluator = [dict(type="Accuracy", topk=(1,))]
