"""The backbone of DeepLab-LargeFOV (Chen et al., ICLR 2015): VGG-16 made convolutional.

Shapes, for the default widths and a side of 8k + 1 (321: k = 40; 513: k = 64)::

    image       (N, 3, 8k + 1, 8k + 1)
    features.8  (N, 256, 2k + 1, 2k + 1)    relu3_3, the paper's tap
    features.17 (N, 512, k + 1, k + 1)      pool5; no stride after pool3
    fc6, fc7    (N, 1024, k + 1, k + 1)     3x3 dilated by 12, then 1x1

Point i of the last map lies at pixel 8i: resizing with ``align_corners=True`` to the
image's size is exact.
"""

from typing import Union

import torch
from mmcv.cnn import ConvModule
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmdenoise.registry import MODELS
from mmdenoise.weights.strict_loading import mismatch

__all__ = ["VGGLargeFOV"]

CONVS = (2, 2, 3, 3, 3)  # of each stage


@MODELS.register_module()
class VGGLargeFOV(BaseModule):
    """VGG-16 up to fc7, in the LargeFOV form of the paper's Section 5.

    20,483,904 parameters; with fc8 for 21 classes 20,505,429, the published 20.5M. fc8
    is the host's: an ``FCNHead`` without convs of its own, without dropout (both are
    here, on single elements as in Caffe), with ``align_corners=True``.

    The convs are named as in MMPretrain's VGG-16, whose weights therefore load by
    ``init_cfg=dict(type='Pretrained', checkpoint=..., prefix='backbone.')``; its fully
    connected layers become fc6 and fc7 (:func:`decimate_vgg`). relu3_3 is
    ``features.8``, as a tap ``backbone.features.8``.

    Args:
        base_channels: Width of the first stage, 64 in VGG-16.
        fc_channels: Width of fc6 and fc7, a quarter of VGG-16's 4096.
        dropout_ratio: Of fc6 and of fc7.
        init_cfg: MMEngine's initialisation; None is Kaiming's.
    """

    def __init__(
        self,
        base_channels: int = 64,
        fc_channels: int = 1024,
        dropout_ratio: float = 0.5,
        init_cfg: Union[dict, list, None] = None,
    ) -> None:
        super().__init__(init_cfg)
        layers: list[nn.Module] = []
        inputs = 3
        for stage, convs in enumerate(CONVS):
            channels = base_channels * min(2**stage, 8)
            dilation = 2 if stage == 4 else 1
            for _ in range(convs):
                layers.append(
                    ConvModule(inputs, channels, 3, padding=dilation, dilation=dilation)
                )
                inputs = channels
            # From 321 to 161, 81 and 41 either way; Caffe rounds up what even sizes
            # give, hence ceil_mode.
            stride = 2 if stage < 3 else 1
            layers.append(nn.MaxPool2d(3, stride, padding=1, ceil_mode=True))
        self.features = nn.Sequential(*layers)
        # pool5a. Caffe divides by the window's size in the padded map, so by 9 at the
        # border too.
        self.average = nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=True)
        self.fc6 = ConvModule(inputs, fc_channels, 3, padding=12, dilation=12)
        self.fc7 = ConvModule(fc_channels, fc_channels, 1)
        self.dropout = nn.Dropout(dropout_ratio)
        self._register_load_state_dict_pre_hook(decimate_vgg, with_module=True)

    def forward(self, inputs: Tensor) -> tuple[Tensor]:
        """Compute fc7.

        Args:
            inputs: Normalised images, (N, 3, H, W).

        Returns:
            (N, ``fc_channels``, h, w), not negative; h is H halved three times, rounded
            up each time, and w alike.
        """
        features = self.average(self.features(inputs))
        features = self.dropout(self.fc6(features))
        return (self.dropout(self.fc7(features)),)


def decimate_vgg(
    module: nn.Module, state: dict[str, Tensor], prefix: str, *_: object
) -> None:
    """Load hook: turn the fully connected layers of a VGG-16 into fc6 and fc7.

    The first, 4096 filters of 7x7, keeps every fourth filter and taps 0, 3 and 6 of
    both directions ("by simple decimation", Section 3.2 of the ICLR paper). The second
    keeps the same units on both sides. The authors kept a random 1024 of the 4096
    (Section 4.1.1 of the TPAMI paper): filters have no order, and this subset is the
    same each time. The classifier goes. A state without fully connected layers,
    such as the backbone's own, is left as it is.

    Raises:
        RuntimeError: If the file is not a VGG-16 of MMPretrain's without batch
            normalisation, which MMEngine's initialiser would only warn of.
    """
    start = f"{prefix}classifier."
    if not any(key.startswith(start) for key in state):
        return
    own = module.state_dict()
    width, inputs = own["fc6.conv.weight"].shape[:2]
    expected = {key: own[key] for key in own if key.startswith("features.")}
    for layer, shape in (("0", (4 * width, 49 * inputs)), ("3", (4 * width,) * 2)):
        expected[f"classifier.{layer}.weight"] = torch.empty(shape, device="meta")
        expected[f"classifier.{layer}.bias"] = torch.empty(shape[0], device="meta")
    given = {key[len(prefix) :]: state[key] for key in state if key.startswith(prefix)}
    given = {k: v for k, v in given.items() if not k.startswith("classifier.6.")}
    found = mismatch(expected, given)
    if found:
        raise RuntimeError(
            "the weights are not those of MMPretrain's VGG-16 (vgg16_8xb32_in1k): "
            + found
        )

    for key in [key for key in state if key.startswith(start)]:
        del state[key]
    first = given["classifier.0.weight"].reshape(-1, inputs, 7, 7)
    second = given["classifier.3.weight"].reshape(-1, 4 * width, 1, 1)
    state[f"{prefix}fc6.conv.weight"] = first[::4, :, ::3, ::3]
    state[f"{prefix}fc6.conv.bias"] = given["classifier.0.bias"][::4]
    state[f"{prefix}fc7.conv.weight"] = second[::4, ::4]
    state[f"{prefix}fc7.conv.bias"] = given["classifier.3.bias"][::4]
