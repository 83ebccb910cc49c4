"""Pictures of results."""

from .label_maps import colour_labels, colour_table, label_map_of, overlay_labels
from .picture_grid import compose_panel, legend, text_cell

__all__ = [
    "colour_labels",
    "colour_table",
    "compose_panel",
    "label_map_of",
    "legend",
    "overlay_labels",
    "text_cell",
]
