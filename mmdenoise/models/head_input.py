"""Between images and what a head takes: normalisation and channel order.

Shapes: images (N, 3, H, W), RGB in [0, 1]; head inputs (N, 3, H, W) in whatever units
and channel order the head's own preprocessor makes.
"""

from torch import Tensor, nn

__all__ = ["HeadInput"]


class HeadInput:
    """Map between images, RGB in [0, 1], and a head's normalised input.

    This is the only place where a scale other than [0, 1] or another channel order
    exists. It reads the mean and the standard deviation from the head's *built*
    preprocessor at each call, and so follows it across devices.

    Args:
        preprocessor: The head's own.
        order: Of the channels it makes, ``'rgb'`` or ``'bgr'``.
    """

    def __init__(self, preprocessor: nn.Module, order: str) -> None:
        self.preprocessor = preprocessor
        self.order = order

    @property
    def _normalises(self) -> bool:
        return getattr(self.preprocessor, "_enable_normalize", False)

    def to_image(self, inputs: Tensor) -> Tensor:
        """Undo the normalisation: head input to RGB in [0, 1]."""
        if self._normalises:
            inputs = inputs * self.preprocessor.std + self.preprocessor.mean
        image = inputs / 255
        return image.flip(-3) if self.order == "bgr" else image

    def from_image(self, image: Tensor) -> Tensor:
        """Normalise as the head's preprocessor does: RGB in [0, 1] to head input."""
        inputs = (image.flip(-3) if self.order == "bgr" else image) * 255
        if self._normalises:
            inputs = (inputs - self.preprocessor.mean) / self.preprocessor.std
        return inputs
