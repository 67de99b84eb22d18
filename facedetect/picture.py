"""An image file, from its bytes to the files that are made of it."""

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
from facedetect.render import DrawnStyle, render


class Picture(Protocol):
    """An opened image file; what is asked for first decodes it.

    Methods raise ImageError's subclasses. A picture is used by one thread at a time, and closed.
    """

    @property
    def header(self) -> ImageHeader:
        """The upright image's size and the file's format."""

    def suspend(self) -> None:
        """Free what an opened file holds, before it has been decoded; the next call opens it."""

    def decode(self, *, keep_encoding: bool = False) -> BGRImage:
        """Decode the upright image, valid until the picture is closed.

        `keep_encoding` remembers how the file is encoded, for `encode` with metadata.
        """

    def draw(self, faces: Sequence[Face], style: DrawnStyle, mask: Mask = DEFAULT_MASK) -> None:
        """Draw or hide the faces in what `encode` and `thumbnail` show."""

    def encode(self, suffix: str, metadata: Metadata | None = None) -> bytes:
        """Encode the image for this suffix; with `metadata`, as close to the file as possible.

        That needs `decode` with `keep_encoding` before.
        """

    def crop(self, face: Face, style: CropStyle, suffix: str) -> bytes:
        """Cut a face out of the decoded image, without what is drawn, and encode it."""

    def thumbnail(self) -> bytes:
        """A small JPEG of the image."""

    def close(self) -> None:
        """Free everything."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


class LocalPicture:
    """A picture that is decoded in this process."""

    def __init__(self, data: bytes, limits: ImageLimits, allocate: Allocate = new_pixels) -> None:
        """`allocate` gives the array that is decoded into."""
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

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _profile(self) -> bytes:
        """The colour profile, without which the pixels would show other colours."""
        if self._encoding is None:
            with self._source:
                self._encoding = self._source.read_encoding()
        return self._encoding.icc_profile

    def _what_is_shown(self) -> BGRImage:
        return self.decode() if self._shown is None else self._shown
