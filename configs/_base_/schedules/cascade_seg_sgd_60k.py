# Liu et al.'s released solver for segmentation, in our loss unit: SGD, 60,000
# iterations of 6, x0.2 each 12,000.
#
# The release weighs L_H by 1 (Caffe's default) and L_D by 5e-9 times half the sum of
# squares over the 322x322 positions that its unpadded last layers leave of a crop of
# 321, in 8-bit units: 5e-9 / 2 * 322^2 * 255^2 = 16.86 times our L_D. So its loss is
# 16.86 times ours at lambda_H = 1 / 16.86 = 0.0593, and SGD follows the same path with
# its rate times 16.86, 1e-3 to 0.0169, and its weight decay divided by it, 5e-4 to
# 2.97e-5.
optim_wrapper = dict(
    type="OptimWrapper",
    optimizer=dict(type="SGD", lr=0.0169, momentum=0.9, weight_decay=2.97e-5),
    # As in the release: the last layer at x0.1, biases of convs at twice the rate and
    # without decay. (There deconvs' biases keep the rate, and BN's decay.)
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
    dict(type="StepLR", step_size=12000, gamma=0.2, by_epoch=False, begin=0, end=60000)
]
train_cfg = dict(type="IterBasedTrainLoop", max_iters=60000, val_interval=10000)
val_cfg = dict(type="ValLoop")
test_cfg = dict(type="TestLoop")
