# DeepLab-LargeFOV on VGG-16 (Chen et al., ICLR 2015) for the 21 classes of VOC, without
# CRF. relu3_3, the paper's tap: backbone.features.8.
model = dict(
    type="EncoderDecoder",
    _scope_="mmseg",
    data_preprocessor=dict(
        type="SegDataPreProcessor",
        # As MMPretrain's VGG-16 was trained; padding is the mean colour.
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
        pad_val=0,
        seg_pad_val=255,
        size=(321, 321),
        # VOC images have at most 500 pixels a side; the release pads them to 513.
        test_cfg=dict(size=(513, 513)),
    ),
    backbone=dict(
        type="mmdenoise.VGGLargeFOV",
        init_cfg=dict(
            type="Pretrained",
            checkpoint="https://download.openmmlab.com/mmclassification/v0/vgg/"
            "vgg16_batch256_imagenet_20210208-db26f1a5.pth",
            prefix="backbone.",
        ),
    ),
    # fc8 alone. The loss is on logits resized to the labels' size, as everywhere in
    # MMSegmentation; the release shrinks the labels by 8 instead.
    decode_head=dict(
        type="FCNHead",
        num_convs=0,
        concat_input=False,
        in_channels=1024,
        channels=1024,
        # fc6 and fc7 have it.
        dropout_ratio=0,
        num_classes=21,
        # The grid's points lie at every eighth pixel: 321 = 8 * 40 + 1.
        align_corners=True,
        loss_decode=dict(type="CrossEntropyLoss", avg_non_ignore=True),
    ),
    train_cfg=dict(),
    test_cfg=dict(mode="whole"),
)
