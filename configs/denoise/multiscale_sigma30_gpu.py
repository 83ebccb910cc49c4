_base_ = "../_base_/denoise_from_blind.py"
model = dict(noise=dict(sigma=30))
