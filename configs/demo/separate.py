# Step 3, the other arm: the same start, images, noise and schedule, with L_D alone.
_base_ = "./joint.py"
model = dict(loss=dict(perceptual=0, task=0))
