# The paper's denoiser by itself: Eq. (3) with lambda_P = lambda_H = 0.
model = dict(
    type="mmdenoise.Cascade",
    denoiser=dict(type="mmdenoise.MultiScaleDenoiser"),
    noise=dict(type="mmdenoise.GaussianNoise", sigma=60),
    loss=dict(type="mmdenoise.JointLoss", perceptual=0, task=0),
)
