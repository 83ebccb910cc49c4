"""What the hosts lack of the task networks that the paper uses."""

from .vgg_largefov import VGGLargeFOV

__all__ = ["VGGLargeFOV"]
