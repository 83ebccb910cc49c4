# Step 1: a stock segmentor, trained on clean images, as a user would bring it.
_base_ = [
    "../_base_/default_runtime.py",
    "../_base_/heads/fcn_r18_small.py",
    "../_base_/datasets/textured_shapes.py",
]
train_dataloader = dict(batch_size=8)
optim_wrapper = dict(
    type="OptimWrapper", optimizer=dict(type="AdamW", lr=3e-3, weight_decay=0.01)
)
param_scheduler = [
    dict(type="LinearLR", start_factor=0.05, by_epoch=False, begin=0, end=20),
    dict(type="CosineAnnealingLR", T_max=330, by_epoch=False, begin=20, end=350),
]
train_cfg = dict(type="IterBasedTrainLoop", max_iters=350)
default_hooks = dict(checkpoint=dict(interval=50))
# By itself it denoises nothing that PSNR could score.
test_evaluator = [dict(type="IoUMetric", iou_metrics=["mIoU"])]
