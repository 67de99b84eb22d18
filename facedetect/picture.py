"""An image file, from its bytes to the files derived from it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, Self

from facedetect.crops import CropStyle, cut
from facedetect.faces import Face
from facedetect.hiding import DEFAULT_MASK, Mask
from facedetect.images import (
    BGRImage,
    ImageHeader,
    ImageLimits,
    Metadata,
    SourceImage,
    encode_image,
    encode_picture,
    make_thumbnail,
)
from facedetect.images.pixels import Allocate, new_pixels
from facedetect.images.source_encoding import SourceEncoding
from facedetect.render import render
from facedetect.styles import DrawnStyle


class Picture(Protocol):
    """An open image file, decoded on first use.

    Methods raise ImageError's subclasses. Use it in one thread at a time, and close it.
    """

    @property
    def header(self) -> ImageHeader:
        """The upright image's size and the file's format."""

    def suspend(self) -> None:
        """Free an open file's resources before decoding; the next call reopens it."""

    def decode(self, *, keep_encoding: bool = False) -> BGRImage:
        """Decode the upright image, valid until the picture is closed.

        `keep_encoding` records how the file is encoded, for `encode` with metadata.
        """

    def draw(self, faces: Sequence[Face], style: DrawnStyle, mask: Mask = DEFAULT_MASK) -> None:
        """Draw or hide the faces in what `encode` and `thumbnail` show."""

    def encode(self, suffix: str, metadata: Metadata | None = None) -> bytes:
        """Encode the image in the suffix's format; with `metadata`, like the source file.

        The latter requires an earlier `decode` with `keep_encoding`.
        """

    def crop(self, face: Face, style: CropStyle, suffix: str) -> bytes:
        """Crop a face from the decoded image, without anything drawn, and encode it."""

    def thumbnail(self) -> bytes:
        """Return a small JPEG of the image."""

    def close(self) -> None:
        """Free all resources."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class LocalPicture(Picture):
    """A picture decoded in this process."""

    def __init__(self, data: bytes, limits: ImageLimits, allocate: Allocate = new_pixels) -> None:
        """`allocate` returns the array to decode into."""
        self._source = SourceImage.open(data, limits)
        self._allocate = allocate
        self._encoding: SourceEncoding | None = None
        self._image: BGRImage | None = None
        self._shown: BGRImage | None = None

    @property
    def header(self) -> ImageHeader:
        return self._source.header

    def suspend(self) -> None:
        self._source.close()

    def decode(self, *, keep_encoding: bool = False) -> BGRImage:
        if keep_encoding:
            self._encoding = self._source.read_encoding()
        if self._image is None:
            self._image = self._source.decode(self._allocate)
        return self._image

    def draw(self, faces: Sequence[Face], style: DrawnStyle, mask: Mask = DEFAULT_MASK) -> None:
        self._shown = render(self.decode(), faces, style, mask)

    def encode(self, suffix: str, metadata: Metadata | None = None) -> bytes:
        if metadata is None or self._encoding is None:
            return encode_image(self._what_is_shown(), suffix, icc_profile=self._profile())
        return encode_picture(self._what_is_shown(), suffix, self._encoding, metadata)

    def crop(self, face: Face, style: CropStyle, suffix: str) -> bytes:
        return encode_image(cut(self.decode(), face, style), suffix, icc_profile=self._profile())

    def thumbnail(self) -> bytes:
        return make_thumbnail(self._what_is_shown())

    def close(self) -> None:
        self._source.close()
        self._encoding = self._image = self._shown = None

    def _profile(self) -> bytes:
        """Return the colour profile, without which the colours would be wrong."""
        if self._encoding is None:
            with self._source:
                self._encoding = self._source.read_encoding()
        return self._encoding.icc_profile

    def _what_is_shown(self) -> BGRImage:
        return self.decode() if self._shown is None else self._shown
