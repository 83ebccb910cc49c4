# The weights that the paper prints for segmentation. Its pixel unit is not stated; in
# ours, images in [0, 1], they leave L_D hardly a say.
_base_ = "./cascade_deeplabv3_r50_sigma60.py"
model = dict(loss=dict(perceptual=0.5, task=0.5))
