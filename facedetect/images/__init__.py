"""Decode image files to upright BGR images, within limits, and encode them again."""

from facedetect.images.encode import (
    ENCODED_SUFFIXES,
    JPEG_SUFFIXES,
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
from facedetect.images.load import (
    ImageInput,
    decode_image,
    file_bytes,
    load_image,
    read_image_file,
)
from facedetect.images.picture_encoding import Metadata, encode_picture
from facedetect.images.pixels import BGRImage
from facedetect.images.source_image import ImageHeader, SourceImage
from facedetect.images.thumbnails import make_thumbnail

__all__ = [
    "DEFAULT_MAX_IMAGE_PIXELS",
    "ENCODED_SUFFIXES",
    "JPEG_SUFFIXES",
    "BGRImage",
    "ImageHeader",
    "ImageInput",
    "ImageLimits",
    "Metadata",
    "SourceImage",
    "check_byte_count",
    "check_encoded_suffix",
    "check_pixel_count",
    "decode_image",
    "encode_image",
    "encode_picture",
    "file_bytes",
    "load_image",
    "make_thumbnail",
    "read_image_file",
    "write_image",
]
