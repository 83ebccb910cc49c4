"""Denoise an image tile by tile, so that memory does not grow with the image.

A denoiser with a finite field (``reach`` pixels to any one side, on a grid of
``stride`` pixels) gives in tiles what it gives for the whole image: each tile is cut
out with a halo of at least ``reach``, starts on the grid, and the halo is dropped
afterwards. A tile at the image's border ends where the image ends, so that the network
meets the border itself and pads there as it always does.

Without a finite field (``reach`` None or absent) tiles overlap and are blended, which
hides seams, and no more is claimed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

__all__ = ["Span", "Tiling", "run_in_tiles", "spans", "tiling_of"]

# Side of what goes through the network at once, halo included.
DEFAULT_SIZE = 512
# Of blended tiles, as a part of their side.
OVERLAP = 8


@dataclass(frozen=True)
class Span:
    """One side of a tile.

    Attributes:
        start: First pixel that the network sees.
        stop: The pixel after the last that it sees.
        keep_start: First pixel that is kept; those before it are halo.
        keep_stop: The pixel after the last that is kept.
    """

    start: int
    stop: int
    keep_start: int
    keep_stop: int

    @property
    def seen(self) -> slice:
        """What the network sees, in the image."""
        return slice(self.start, self.stop)

    @property
    def kept(self) -> slice:
        """What is kept, in the image."""
        return slice(self.keep_start, self.keep_stop)

    @property
    def inner(self) -> slice:
        """What is kept, in the tile."""
        return slice(self.keep_start - self.start, self.keep_stop - self.start)


@dataclass(frozen=True)
class Tiling:
    """How a denoiser is run over an image.

    Attributes:
        size: Side of a tile in pixels, halo included; 0 for the whole image at once.
        stride: Tiles start at multiples of it.
        halo: Pixels on each side that are seen and not kept; a multiple of ``stride``.
        blend: Keep the halo, and blend it with the neighbours'.
    """

    size: int
    stride: int
    halo: int
    blend: bool


def tiling_of(denoiser: nn.Module, tile: int | None) -> Tiling:
    """Choose tiles for a denoiser.

    Args:
        denoiser: Its attributes ``stride`` and ``reach`` count, where it has them.
        tile: Side of a tile in pixels, halo included. 0 takes the whole image at once;
            None takes 512 where tiles change nothing (a finite field), and the whole
            image where they would.

    Raises:
        ValueError: If a tile is too small to hold more than its halo.
    """
    stride = getattr(denoiser, "stride", None)
    # A plain nn.Conv2d has a stride of another kind, a pair.
    stride = stride if isinstance(stride, int) and stride > 0 else 1
    reach = getattr(denoiser, "reach", None)
    if tile is None:
        tile = 0 if reach is None else DEFAULT_SIZE
    if tile < 0:
        raise ValueError(f"a tile must not be negative, got {tile}")
    if reach is None:
        halo = max(-(-tile // OVERLAP // stride) * stride, stride)
    else:
        halo = -(-reach // stride) * stride
    least = 2 * halo + stride
    if 0 < tile < least:
        raise ValueError(
            f"a tile of {tile} px is too small: {type(denoiser).__name__} needs a halo "
            f"of {halo} px on each side, so at least {least}"
        )
    return Tiling(tile, stride, halo, blend=reach is None)


def spans(length: int, tiling: Tiling) -> list[Span]:
    """Cut one side of an image: kept parts of nearly equal length, each with a halo."""
    if not tiling.size or length <= tiling.size:
        return [Span(0, length, 0, length)]
    stride, halo = tiling.stride, tiling.halo
    most = (tiling.size - 2 * halo) // stride * stride
    count = -(-length // most)
    step = -(-length // (count * stride)) * stride
    return [
        Span(
            max(at - halo, 0), min(at + step + halo, length), at, min(at + step, length)
        )
        for at in range(0, length, step)
    ]


def run_in_tiles(
    run: Callable[[slice, slice], Tensor],
    tiling: Tiling,
    size: tuple[int, int],
    write: Callable[[slice, slice, Tensor], None],
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Denoise an image that is read and written piece by piece.

    Args:
        run: Of rows and columns, gives (N, 3, h, w): what a denoiser makes of them.
        tiling: From :func:`tiling_of`.
        size: Height and width of the image in pixels.
        write: Takes rows, columns and what was made of them, unclipped.
        progress: Called with the number of pixels done, and of all.
    """
    height, width = size
    columns = spans(width, tiling)
    done = 0

    def outputs(rows: Span) -> Iterator[tuple[Span, Tensor]]:
        nonlocal done
        for column in columns:
            yield column, run(rows.seen, column.seen)
            done += (rows.keep_stop - rows.keep_start) * (
                column.keep_stop - column.keep_start
            )
            if progress is not None:
                progress(done, height * width)

    with torch.inference_mode():
        if tiling.blend:
            _blend(spans(height, tiling), columns, outputs, write)
            return
        for rows in spans(height, tiling):
            for column, output in outputs(rows):
                write(rows.kept, column.kept, output[..., rows.inner, column.inner])


def _blend(
    rows: list[Span],
    columns: list[Span],
    outputs: Callable[[Span], Iterator[tuple[Span, Tensor]]],
    write: Callable[[slice, slice, Tensor], None],
) -> None:
    """Add weighted tiles up, in a band of one row of tiles at a time."""
    down, across = _weights(rows), _weights(columns)
    whole = slice(0, columns[-1].stop)
    rest = None
    for index, row in enumerate(rows):
        band = None
        for (column, output), weight in zip(outputs(row), across):
            if band is None:
                band = output.new_zeros((*output.shape[:-1], whole.stop))
            band[..., column.seen] += output * weight.to(output)
        band *= down[index].to(band)[:, None]
        if rest is not None:
            band[..., : rest.shape[-2], :] += rest
        # What the next row of tiles sees, too, is not complete yet.
        stop = rows[index + 1].start if index + 1 < len(rows) else row.stop
        write(slice(row.start, stop), whole, band[..., : stop - row.start, :])
        rest = band[..., stop - row.start :, :].clone()


def _weights(parts: list[Span]) -> list[Tensor]:
    """Ramps over the overlaps, that add up to 1 at each pixel."""
    total = torch.zeros(parts[-1].stop)
    ramps = []
    for index, part in enumerate(parts):
        ramp = torch.ones(part.stop - part.start)
        if index:
            length = parts[index - 1].stop - part.start
            rising = (torch.arange(length) + 1) / (length + 1)
            ramp[:length] = rising
        if index + 1 < len(parts):
            length = part.stop - parts[index + 1].start
            falling = (torch.arange(length, 0, -1)) / (length + 1)
            ramp[-length:] = torch.minimum(ramp[-length:], falling)
        ramps.append(ramp)
        total[part.seen] += ramp
    return [ramp / total[part.seen] for ramp, part in zip(ramps, parts)]
