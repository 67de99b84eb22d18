"""An image file that is opened once for everything that needs it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self

from PIL import Image

from facedetect.errors import FacedetectError, ImageTooLarge, InvalidImage
from facedetect.images.formats import ImageFormat, detect_format
from facedetect.images.limits import (
    ImageLimits,
    check_byte_count,
    check_frame_count,
    check_pixel_count,
)
from facedetect.images.pixels import (
    Allocate,
    BGRImage,
    check_pixel_type,
    new_pixels,
    pillow_to_bgr,
    upright_size,
)
from facedetect.images.source_encoding import SourceEncoding, read_source_encoding

# Pillow reads the orientation from XMP if EXIF has none. Viewers and browsers do not.
_XMP = ("xmp", "XML:com.adobe.xmp")
# PNG and TIFF are counted on opening; other pictures in a HEIC file do not count.
_FRAMES_COUNTED_BY_PILLOW = ("GIF", "WebP", "AVIF")


@dataclass(frozen=True)
class ImageHeader:
    """The upright image's size, px, and the name of the file's format."""

    width: int
    height: int
    format: str

    @property
    def pixel_count(self) -> int:
        return self.width * self.height


class SourceImage:
    """An image file within the limits: its header, its encoding and its pixels.

    May be handed between threads, but not used by two at a time.
    """

    def __init__(self, data: bytes, image_format: ImageFormat, limits: ImageLimits) -> None:
        self._data = data
        self._format = image_format
        self._limits = limits
        self._pillow: Image.Image | None = None
        self.header = self._read_header()

    @classmethod
    def open(cls, data: bytes, limits: ImageLimits) -> Self:
        """Check an image file against the limits and read its header; no pixels are decoded.

        Raises InvalidImage, UnsupportedImage or ImageTooLarge.
        """
        check_byte_count(len(data), limits)
        if not data:
            raise InvalidImage("the image is empty: 0 bytes")
        with decoding_errors():
            return cls(data, detect_format(data), limits)

    def read_encoding(self) -> SourceEncoding:
        """Read how the file is encoded; raises InvalidImage."""
        with decoding_errors():
            return read_source_encoding(self._opened(), self._format.name, self._data)

    def decode(self, allocate: Allocate = new_pixels) -> BGRImage:
        """Decode the pixels and close the file; apply the orientation, composite over white.

        Grey, palette, CMYK and 16-bit pixels become 8-bit BGR, in the array from `allocate`.
        Raises InvalidImage.
        """
        with self, decoding_errors():
            image = pillow_to_bgr(self._opened(), allocate)
        height, width = image.shape[:2]
        if (width, height) != (self.header.width, self.header.height):
            raise InvalidImage(
                f"the image has {width}x{height} pixels, but its header says {self.header.width}x"
                f"{self.header.height}; send the original, complete file"
            )
        return image

    def close(self) -> None:
        """Free the resources of an open file.

        Any later use opens the file again.
        """
        if self._pillow is not None:
            self._pillow.close()
            self._pillow = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _opened(self) -> Image.Image:
        if self._pillow is None:
            self._pillow = self._format.open(self._data, self._limits)
            for name in _XMP:
                self._pillow.info.pop(name, None)
        return self._pillow

    def _read_header(self) -> ImageHeader:
        open_header, name = self._format.open_header, self._format.name
        pillow = self._opened() if open_header is None else open_header(self._data)
        check_pixel_count(*pillow.size, self._limits)
        check_pixel_type(pillow)
        if name in _FRAMES_COUNTED_BY_PILLOW:
            check_frame_count(name, int(getattr(pillow, "n_frames", 1)), self._limits)
        return ImageHeader(*upright_size(pillow), name)


@contextmanager
def decoding_errors() -> Iterator[None]:
    """Translate any exception that Pillow raises while decoding into the package's errors.

    Its plugins raise whatever their parsers run into (SyntaxError, struct.error, IndexError, ...),
    so every exception means the same: the bytes cannot be decoded.
    """
    try:
        yield
    except (FacedetectError, MemoryError):
        raise
    except Image.DecompressionBombError as error:
        raise ImageTooLarge(f"{error}; scale the image down") from error
    except Exception as error:
        raise InvalidImage(
            f"the image cannot be decoded ({error}); send the original, complete file"
        ) from error
