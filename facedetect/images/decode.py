"""An image file's bytes: a look at the header, then the pixels."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from PIL import Image

from facedetect.errors import FacedetectError, ImageTooLarge, InvalidImage
from facedetect.images.formats import recognise
from facedetect.images.limits import ImageLimits, check_byte_count, check_pixel_count
from facedetect.images.pixels import BGRImage, check_pixel_type, pillow_to_bgr, upright_size
from facedetect.images.slim import check_frame_count

# Those of the others are counted before; a HEIC file's other pictures are left alone.
_FRAMES_COUNTED_IN_HEADER = ("WebP", "AVIF")


@dataclass(frozen=True)
class ImageHeader:
    """What a file says of its image: px of the upright image, the format's name."""

    width: int
    height: int
    format: str


def read_header(data: bytes, limits: ImageLimits) -> ImageHeader:
    """Check an image file against the limits without decoding its pixels.

    Raises InvalidImage, UnsupportedImage or ImageTooLarge, as `decode_image` would.
    """
    with opened_image(data, limits) as (image, name):
        width, height = upright_size(image)
        return ImageHeader(width, height, name)


def decode_image(data: bytes, limits: ImageLimits) -> BGRImage:
    """Decode an image file's bytes: orientation applied, transparency laid over white.

    Grey, palette, CMYK and 16-bit pixels become 8-bit BGR. Limits are checked on the header.
    Raises InvalidImage, UnsupportedImage or ImageTooLarge.
    """
    with opened_image(data, limits) as (image, _):
        return pillow_to_bgr(image)


@contextmanager
def opened_image(data: bytes, limits: ImageLimits) -> Iterator[tuple[Image.Image, str]]:
    """The image behind a header that is within the limits, and its format's name."""
    check_byte_count(len(data), limits)
    if not data:
        raise InvalidImage("the image is empty: 0 bytes")
    known = recognise(data)
    with decoding_errors():
        slim = known.slim(data, limits)
        with known.read(io.BytesIO(slim.data), "") as image:
            if slim.exif is not None:
                image.info["exif"] = slim.exif
            check_pixel_count(*image.size, limits)
            check_pixel_type(image)
            if known.name in _FRAMES_COUNTED_IN_HEADER:
                check_frame_count(known.name, int(getattr(image, "n_frames", 1)), limits)
            yield image, known.name


@contextmanager
def decoding_errors() -> Iterator[None]:
    """Turn what Pillow raises while decoding into our errors.

    Its plugins raise whatever their parsing meets (SyntaxError, struct.error, IndexError, ...), so
    anything from inside is taken as what it is: bytes that do not decode.
    """
    try:
        yield
    except FacedetectError:
        raise
    except Image.DecompressionBombError as error:
        raise ImageTooLarge(f"{error}; scale the image down") from error
    except Exception as error:
        raise InvalidImage(
            f"the image does not decode ({error}); send the original, complete file"
        ) from error
