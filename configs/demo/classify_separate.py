# The classifier's images with L_D alone: what the classifier's joint denoiser has to
# beat in front of the segmentor, where other images alone would change the score.
_base_ = "./classify_joint.py"
model = dict(loss=dict(perceptual=0, task=0))
