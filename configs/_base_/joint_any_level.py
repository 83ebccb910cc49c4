# One denoiser for all levels of noise, 0 to 75, trained on in front of a frozen head.
_base_ = "./default_runtime.py"
model = dict(
    denoiser=dict(type="mmdenoise.MultiScaleDenoiser", takes_sigma=True),
    denoiser_checkpoint="multiscale",
    noise=dict(type="mmdenoise.GaussianNoise", sigma=(0, 75)),
    # By pull: the gradient of L_H at the denoised image is ten times as long as L_D's.
    loss=dict(type="mmdenoise.JointLoss", perceptual=0, task=10, balance=8),
    # Statistics of a few images a batch are noise.
    denoiser_norm_eval=True,
)
