_base_ = "./multiscale_sigma60.py"
model = dict(noise=dict(sigma=50))
