# Liu et al.'s released solver for classification, in our loss unit: SGD, 180,000
# iterations of 10, x0.1 each 80,000.
#
# The release weighs L_H by 1 (Caffe's default) and L_D by 5e-8 times half the sum of
# squares over 224x224 positions in 8-bit units: 5e-8 / 2 * 224^2 * 255^2 = 81.57 times
# our L_D. So its loss is 81.57 times ours at lambda_H = 1 / 81.57 = 0.0123, and SGD
# follows the same path with its rate times 81.57, 1e-5 to 8.16e-4, and its weight decay
# divided by it, 5e-4 to 6.13e-6. (The file as published sets L_D to 0 and keeps the
# 5e-8 in a comment beside it; the paper has all terms.)
optim_wrapper = dict(
    type="OptimWrapper",
    optimizer=dict(type="SGD", lr=8.16e-4, momentum=0.9, weight_decay=6.13e-6),
    # As in the release: the last layer at x0.1, biases at twice the rate and without
    # decay.
    constructor="mmdenoise.DenoiserOptimWrapperConstructor",
    paramwise_cfg=dict(
        bias_lr_mult=2,
        bias_decay_mult=0,
        custom_keys={
            "denoiser.output": dict(lr_mult=0.1),
            "denoiser.output.bias": dict(lr_mult=0.2, decay_mult=0),
        },
    ),
)
param_scheduler = [
    dict(type="StepLR", step_size=80000, gamma=0.1, by_epoch=False, begin=0, end=180000)
]
train_cfg = dict(type="IterBasedTrainLoop", max_iters=180000, val_interval=20000)
val_cfg = dict(type="ValLoop")
test_cfg = dict(type="TestLoop")
