# One denoiser for all levels of noise, 0 to 75, trained on in front of a frozen head.
_base_ = ["./default_runtime.py", "./noise_any_level.py"]
model = dict(
    denoiser=dict(type="mmdenoise.MultiScaleDenoiser", takes_sigma=True),
    denoiser_checkpoint="multiscale",
    # By pull, averaged over levels: the gradient of L_P at the denoised image is 15
    # times as long as that of L_D, that of L_H ten times (docs/results.md).
    loss=dict(type="mmdenoise.JointLoss", perceptual=15, task=10, balance=16),
    # Statistics of a few images a batch are noise.
    denoiser_norm_eval=True,
)
