# DeepLab's own (ICLR 2015, Section 5): SGD, 1e-3, x10 for fc8, x0.1 each 2,000
# iterations; 6,000 of them (TPAMI paper, Table 2). Biases as in the release: twice the
# rate, no decay.
optim_wrapper = dict(
    type="OptimWrapper",
    optimizer=dict(type="SGD", lr=1e-3, momentum=0.9, weight_decay=5e-4),
    paramwise_cfg=dict(
        bias_lr_mult=2,
        bias_decay_mult=0,
        custom_keys={
            "decode_head.conv_seg": dict(lr_mult=10),
            "decode_head.conv_seg.bias": dict(lr_mult=20, decay_mult=0),
        },
    ),
)
param_scheduler = [
    dict(type="StepLR", step_size=2000, gamma=0.1, by_epoch=False, begin=0, end=6000)
]
train_cfg = dict(type="IterBasedTrainLoop", max_iters=6000, val_interval=2000)
val_cfg = dict(type="ValLoop")
test_cfg = dict(type="TestLoop")
