# The generated classes (mmdenoise/datasets/textured_classes.py): windows of 48x48, kept
# in memory, so that a training takes no worker processes.
default_scope = "mmpretrain"
data_root = "work_dirs/demo/classes"
train_dataloader = dict(
    batch_size=16,
    num_workers=0,
    sampler=dict(type="InfiniteSampler", shuffle=True),
    dataset=dict(
        type="mmdenoise.TexturedClassesDataset",
        data_root=data_root,
        split="train",
        pipeline=[
            dict(type="mmdenoise.LoadImage", cache=True),
            dict(
                type="RandomFlip",
                prob=[0.25, 0.25, 0.25],
                direction=["horizontal", "vertical", "diagonal"],
            ),
            dict(type="PackInputs"),
        ],
    ),
)
test_dataloader = dict(
    batch_size=50,
    num_workers=0,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        type="mmdenoise.TexturedClassesDataset",
        data_root=data_root,
        split="val",
        pipeline=[
            dict(type="mmdenoise.LoadImage", cache=True),
            dict(type="PackInputs"),
        ],
    ),
)
test_cfg = dict(type="TestLoop")
test_evaluator = [
    dict(type="Accuracy", topk=(1,)),
    dict(type="mmdenoise.PSNR"),
    dict(type="mmdenoise.SSIM"),
]
