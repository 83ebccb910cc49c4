_base_ = "../_base_/denoise_from_blind.py"
model = dict(noise=dict(sigma=50))
param_scheduler = [
    dict(type="LinearLR", start_factor=0.01, by_epoch=False, begin=0, end=50),
    dict(type="CosineAnnealingLR", T_max=650, by_epoch=False, begin=50, end=700),
]
train_cfg = dict(max_iters=700, val_interval=700)
