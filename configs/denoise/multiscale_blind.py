# One denoiser for every level from 5 to 65, drawn anew for each patch.
_base_ = "./multiscale_sigma60.py"
model = dict(noise=dict(sigma=(5, 65)))
