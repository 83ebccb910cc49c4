"""Image files: the one reader, the one writer, and what goes with the pixels."""

from .colours import as_bgr
from .picture import ALPHA, OTHER, PREMULTIPLIED, Metadata, Picture, turned
from .reader import ENDINGS, UnreadableError, image_size, read_image
from .white_level import guessed_white, white_of
from .writer import FORMATS, lost_metadata, refuse_ending, refuse_unfit, write_image

__all__ = [
    "ALPHA",
    "ENDINGS",
    "FORMATS",
    "OTHER",
    "PREMULTIPLIED",
    "Metadata",
    "Picture",
    "UnreadableError",
    "as_bgr",
    "guessed_white",
    "image_size",
    "lost_metadata",
    "read_image",
    "refuse_ending",
    "refuse_unfit",
    "turned",
    "white_of",
    "write_image",
]
