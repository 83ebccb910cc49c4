# The paper's segmentor, trained on clean images from MMPretrain's VGG-16: batches of 20
# in all, so 20 / GPUs on each. Published, VOC 2012 val without CRF: 62.25 mIoU. (With
# a polynomial rate, batches of 10 and 20,000 iterations: 65.88, TPAMI paper, Table 2.)
_base_ = [
    "./_base_/default_runtime.py",
    "./_base_/heads/deeplab_largefov_vgg16.py",
    "./_base_/datasets/voc12aug_321.py",
    "./_base_/schedules/deeplab_6k.py",
]
train_dataloader = dict(batch_size=20)
default_hooks = dict(checkpoint=dict(interval=1000))
# By itself it denoises nothing that PSNR could score.
val_evaluator = [dict(type="IoUMetric", iou_metrics=["mIoU"])]
test_evaluator = val_evaluator
