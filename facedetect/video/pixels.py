"""From a video's colours to BGR and back, without shifting them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from facedetect.images import BGRImage
from facedetect.video.pyav import failures_as, import_av, unsupported_pictures

if TYPE_CHECKING:
    from av import VideoFrame
    from av.video.format import VideoFormat

_MOST_BITS = 16
# As FFmpeg names numbers with a point; those of 32 bits are too wide anyway.
_FLOAT = "f16"


def check_format(kind: VideoFormat) -> None:
    """Raise UnsupportedVideo for pixels that FFmpeg must not be asked to convert.

    With some that no camera makes it ends the process.
    """
    bits = [component.bits for component in kind.components]  # none: in a graphics card's memory
    if not bits or max(bits) > _MOST_BITS or _FLOAT in kind.name:
        raise unsupported_pictures(kind.name)


def _has_alpha(kind: VideoFormat) -> bool:
    return kind.has_palette or any(component.is_alpha for component in kind.components)


def _over_white(rgba: BGRImage) -> BGRImage:
    pixels = Image.fromarray(rgba)
    white = Image.new("RGBA", pixels.size, "white")
    rgb = np.asarray(Image.alpha_composite(white, pixels).convert("RGB"))
    return np.ascontiguousarray(rgb[..., ::-1])


class PixelConverter:
    """Converts one stream's frames; for one thread.

    As FFmpeg converts by default, each way there and back would darken pictures by 1.5 of 255.
    With these flags brightness differs by 0.01 in the mean, colours by 0.2.
    """

    def __init__(self) -> None:
        reformatter = import_av().video.reformatter
        ways = reformatter.Interpolation
        self._reformatter = reformatter.VideoReformatter()
        self._how = ways.BICUBIC | ways.ACCURATE_RND | ways.BITEXACT
        self._how |= ways.FULL_CHR_H_INP | ways.FULL_CHR_H_INT

    def to_bgr(self, frame: VideoFrame) -> BGRImage:
        """Take a frame of a format that `check_format` passes; transparency is laid over white.

        Raises UnsupportedVideo.
        """
        if _has_alpha(frame.format):
            return _over_white(self._pixels(frame, "rgba"))
        return self._pixels(frame, "bgr24")

    def _pixels(self, frame: VideoFrame, kind: str) -> BGRImage:
        with failures_as(lambda _: unsupported_pictures(frame.format.name)):
            made = self._reformatter.reformat(
                frame, format=kind, interpolation=self._how, threads=1
            )
            return np.asarray(made.to_ndarray(), np.uint8)

    def to_yuv(self, image: BGRImage, colorspace: int, color_range: int) -> VideoFrame:
        """Return a frame in 8-bit 4:2:0; FFmpeg's numbers tell the matrix and the range."""
        bgr = import_av().VideoFrame.from_ndarray(image, "bgr24")
        yuv: VideoFrame = self._reformatter.reformat(
            bgr,
            format="yuv420p",
            dst_colorspace=colorspace,
            dst_color_range=color_range,
            interpolation=self._how,
            threads=1,
        )
        return yuv
