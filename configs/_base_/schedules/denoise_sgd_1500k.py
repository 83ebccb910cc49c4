# The paper's schedule (Section IV-A) with the released solver's other settings, in our
# loss unit: SGD at batch 32, 1,500,000 iterations, x0.1 each 500,000.
#
# The release's loss is half the mean square per value, in 8-bit units: 255^2 / 2 / 3 =
# 10,837.5 times ours, which sums over the 3 channels in [0, 1]. So SGD follows the same
# path with its rate times that, 1e-4 to 1.08, its weight decay divided by it, 5e-4 to
# 4.61e-8, and its limit of the gradient's norm too, 100 to 0.00923. (The solver as
# published keeps the rate fixed for 1,000,000 iterations; the steps are the paper's.)
optim_wrapper = dict(
    type="OptimWrapper",
    optimizer=dict(type="SGD", lr=1.08, momentum=0.9, weight_decay=4.61e-8),
    clip_grad=dict(max_norm=0.00923),
    # As in the release: the last layer at x0.1, biases at twice the rate and without
    # decay, but those of the deconvs at the rate itself.
    constructor="mmdenoise.DenoiserOptimWrapperConstructor",
    paramwise_cfg=dict(
        bias_lr_mult=2,
        bias_decay_mult=0,
        custom_keys={
            "denoiser.output": dict(lr_mult=0.1),
            "denoiser.output.bias": dict(lr_mult=0.2, decay_mult=0),
            "denoiser.upsamplers.0.bias": dict(decay_mult=0),
            "denoiser.upsamplers.1.bias": dict(decay_mult=0),
        },
    ),
)
param_scheduler = [
    dict(
        type="StepLR", step_size=500000, gamma=0.1, by_epoch=False, begin=0, end=1500000
    )
]
train_cfg = dict(type="IterBasedTrainLoop", max_iters=1500000, val_interval=50000)
val_cfg = dict(type="ValLoop")
test_cfg = dict(type="TestLoop")
