# Step 2: a denoiser by itself, from scratch; narrower than the paper's, to fit a CPU.
_base_ = [
    "../_base_/default_runtime.py",
    "../_base_/denoisers/multiscale.py",
    "../_base_/datasets/textured_shapes.py",
]
model = dict(
    denoiser=dict(encoder_channels=64, decoder_channels=64, stem_channels=32),
    noise=dict(sigma=60),
)
optim_wrapper = dict(type="OptimWrapper", optimizer=dict(type="Adam", lr=2e-3))
param_scheduler = [
    dict(type="LinearLR", start_factor=0.05, by_epoch=False, begin=0, end=20),
    dict(type="CosineAnnealingLR", T_max=580, by_epoch=False, begin=20, end=600),
]
train_cfg = dict(type="IterBasedTrainLoop", max_iters=600)
test_evaluator = [dict(type="mmdenoise.PSNR"), dict(type="mmdenoise.SSIM")]
default_hooks = dict(checkpoint=dict(interval=50))
