_base_ = "./multiscale_sigma60_paper.py"
model = dict(noise=dict(sigma=35))
