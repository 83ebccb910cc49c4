# A small stock classifier for the demo: two stages of a narrow ResNet-18 at 1/4 and 1/8
# of the resolution; 6 classes.
model = dict(
    type="ImageClassifier",
    _scope_="mmpretrain",
    data_preprocessor=dict(
        type="ClsDataPreprocessor",
        mean=[127.5] * 3,
        std=[63.75] * 3,
        to_rgb=True,
        num_classes=6,
    ),
    backbone=dict(
        type="ResNet",
        depth=18,
        deep_stem=True,
        stem_channels=32,
        base_channels=32,
        num_stages=2,
        strides=(1, 2),
        dilations=(1, 1),
        out_indices=(1,),
    ),
    neck=dict(type="GlobalAveragePooling"),
    head=dict(
        type="LinearClsHead",
        num_classes=6,
        in_channels=64,
        loss=dict(type="CrossEntropyLoss", loss_weight=1.0),
        topk=(1,),
    ),
)
