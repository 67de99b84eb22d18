"""Convert video frames to upright BGR images and back without shifting colours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from facedetect.errors import UnsupportedVideo
from facedetect.images import BGRImage, load_image
from facedetect.images.pixels import turn_upright
from facedetect.video.hdr import ToneMapper, is_hdr
from facedetect.video.pyav import av_errors, import_av

if TYPE_CHECKING:
    from av import VideoFrame
    from av.video.format import VideoFormat

_MAX_BITS = 16
# In FFmpeg's names of floating-point formats; those with 32 bits are too wide anyway.
_FLOAT = "f16"
# EXIF's numbers by whether a frame is mirrored across and down; plus 4 if its sides are swapped.
_ORIENTATIONS = {(False, False): 1, (True, False): 2, (True, True): 3, (False, True): 4}


def check_pixel_format(pixel_format: VideoFormat) -> None:
    """Raise UnsupportedVideo for a format that FFmpeg must not convert.

    Some formats, which no camera produces, abort the process.
    """
    bits = [component.bits for component in pixel_format.components]  # empty if in GPU memory
    if not bits or max(bits) > _MAX_BITS or _FLOAT in pixel_format.name:
        raise _unsupported(pixel_format.name)


def read_orientation(frame: VideoFrame) -> int:
    """Return the frame's EXIF orientation, from its display matrix.

    Rotations are rounded to multiples of 90 degrees.
    """
    # `frame.side_data` would keep the frame until garbage collection, since they reference each
    # other. Decoders reuse the memory of freed frames without clearing it, and HEVC's shows it
    # where data is damaged: a frame's contents would depend on when garbage is collected.
    side_data = import_av().sidedata.sidedata.SideDataContainer(frame)
    data = side_data.get("DISPLAYMATRIX")
    if data is None:
        return 1
    # For row vectors: (x', y') = (x, y) times the first two rows.
    (xx, xy, _), (yx, yy, _), _ = np.frombuffer(bytes(data), np.int32).reshape(3, 3).tolist()
    if abs(xy) > abs(xx):
        return 4 + _ORIENTATIONS[yx < 0, xy < 0]
    return _ORIENTATIONS[xx < 0, yy < 0]


class PixelConverter:
    """Converts the frames of one stream; not thread-safe.

    `transfer` is FFmpeg's number for the stream's transfer characteristic. FFmpeg's default
    conversion to BGR and back darkens frames by 1.5 of 255. With these flags, brightness changes by
    0.01 and colours by 0.2 on average.
    """

    def __init__(self, transfer: int = 0) -> None:
        self._tone_mapper = ToneMapper(transfer) if is_hdr(transfer) else None
        reformatter = import_av().video.reformatter
        flags = reformatter.Interpolation
        self._reformatter = reformatter.VideoReformatter()
        self._flags = flags.BICUBIC | flags.ACCURATE_RND | flags.BITEXACT
        self._flags |= flags.FULL_CHR_H_INP | flags.FULL_CHR_H_INT

    def to_bgr(self, frame: VideoFrame) -> BGRImage:
        """Convert a frame that passes `check_pixel_format`: upright, composited over white.

        High dynamic range becomes BT.709. Raises UnsupportedVideo if FFmpeg cannot convert the
        format.
        """
        if self._tone_mapper is not None:
            pixels = self._tone_mapper.to_bgr(self._converted(frame, "rgb48le"))
        else:
            pixels = self._converted(frame, "bgra" if _has_alpha(frame.format) else "bgr24")
        return turn_upright(load_image(pixels), read_orientation(frame))

    def _converted(self, frame: VideoFrame, pixel_format: str) -> NDArray[Any]:
        try:
            converted = self._reformatter.reformat(
                frame, format=pixel_format, interpolation=self._flags, threads=1
            )
            pixels: NDArray[Any] = converted.to_ndarray()
        except MemoryError:
            raise
        except av_errors() as error:
            raise _unsupported(frame.format.name) from error
        return pixels

    def to_yuv(self, image_bgr: BGRImage, colorspace: int, color_range: int) -> VideoFrame:
        """Return a frame in 8-bit 4:2:0; matrix and range are FFmpeg's numbers."""
        frame = import_av().VideoFrame.from_ndarray(image_bgr, "bgr24")
        yuv: VideoFrame = self._reformatter.reformat(
            frame,
            format="yuv420p",
            dst_colorspace=colorspace,
            dst_color_range=color_range,
            interpolation=self._flags,
            threads=1,
        )
        return yuv


def _has_alpha(pixel_format: VideoFormat) -> bool:
    return pixel_format.has_palette or any(c.is_alpha for c in pixel_format.components)


def _unsupported(pixel_format: str) -> UnsupportedVideo:
    return UnsupportedVideo(
        f"the video's pixel format {pixel_format} is not supported; re-encode it as H.264"
    )
