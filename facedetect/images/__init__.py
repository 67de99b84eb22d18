"""Bytes to an upright BGR image, within limits, and back to bytes."""

from facedetect.images.decode import ImageHeader, decode_image, read_header
from facedetect.images.encode import (
    ENCODED_SUFFIXES,
    check_encoded_suffix,
    encode_image,
    write_image,
)
from facedetect.images.limits import (
    DEFAULT_MAX_IMAGE_PIXELS,
    ImageLimits,
    check_byte_count,
    check_pixel_count,
)
from facedetect.images.load import ImageSource, load_image, read_image_file
from facedetect.images.pixels import BGRImage

__all__ = [
    "DEFAULT_MAX_IMAGE_PIXELS",
    "ENCODED_SUFFIXES",
    "BGRImage",
    "ImageHeader",
    "ImageLimits",
    "ImageSource",
    "check_byte_count",
    "check_encoded_suffix",
    "check_pixel_count",
    "decode_image",
    "encode_image",
    "load_image",
    "read_header",
    "read_image_file",
    "write_image",
]
