"""Multipart forms, parsed as they stream in and kept in memory only."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from facedetect.errors import ImageTooLarge, InvalidImage
from facedetect.images import ImageLimits, check_byte_count

if TYPE_CHECKING:  # does not exist at run time
    from python_multipart.multipart import MultipartCallbacks

MEDIA_TYPE = "multipart/form-data"


@dataclass
class FormPart:
    """One part of a form; `filename` is None for a plain field.

    A part larger than an image may be keeps no bytes, and has an `error` instead.
    """

    name: str = ""
    filename: str | None = None
    chunks: list[bytes] = field(default_factory=list)
    byte_count: int = 0
    error: ImageTooLarge | None = None

    def take_bytes(self) -> bytes:
        """Return the bytes and drop them from the part. Raises the part's error."""
        if self.error is not None:
            raise self.error
        data = b"".join(self.chunks)
        self.chunks.clear()
        return data


async def read_form(
    content_type: str, body: AsyncIterator[bytes], limits: ImageLimits
) -> AsyncIterator[FormPart]:
    """Yield each part once it is complete. Raises InvalidImage for a malformed form."""
    collector = _PartCollector(limits)
    try:
        parser = MultipartParser(_boundary(content_type), collector.callbacks())
        async for chunk in body:
            parser.write(chunk)
            for part in collector.take_parts():
                yield part
        parser.finalize()
    except FormParserError as error:
        raise InvalidImage(f"malformed form: {error}; send it as curl -F does") from error
    if not collector.is_ended:
        raise InvalidImage("the form ends before its final boundary; send it completely")


def _boundary(content_type: str) -> bytes:
    _, options = parse_options_header(content_type)
    try:
        return options[b"boundary"]
    except KeyError as error:
        raise InvalidImage(
            f"malformed form: {content_type!r} has no boundary; send it as curl -F does"
        ) from error


class _PartCollector:
    """The parser's callbacks, which assemble parts."""

    def __init__(self, limits: ImageLimits) -> None:
        self.is_ended = False
        self._limits = limits
        self._part = FormPart()
        self._completed: list[FormPart] = []
        self._header = bytearray()
        self._value = bytearray()

    def callbacks(self) -> MultipartCallbacks:
        return {
            "on_part_begin": self.on_part_begin,
            "on_header_field": self.on_header_field,
            "on_header_value": self.on_header_value,
            "on_header_end": self.on_header_end,
            "on_part_data": self.on_part_data,
            "on_part_end": self.on_part_end,
            "on_end": self.on_end,
        }

    def take_parts(self) -> list[FormPart]:
        """Return the parts completed since the last call."""
        completed, self._completed = self._completed, []
        return completed

    def on_part_begin(self) -> None:
        self._part = FormPart()

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def on_header_end(self) -> None:
        if self._header.lower() == b"content-disposition":
            _, options = parse_options_header(bytes(self._value))
            self._part.name = _decode(options.get(b"name", b""))
            filename = options.get(b"filename")
            self._part.filename = None if filename is None else _decode(filename)
        self._header.clear()
        self._value.clear()

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        part = self._part
        part.byte_count += end - start
        try:
            check_byte_count(part.byte_count, self._limits)
        except ImageTooLarge as error:
            part.error = error
            part.chunks.clear()
        else:
            part.chunks.append(data[start:end])

    def on_part_end(self) -> None:
        self._completed.append(self._part)

    def on_end(self) -> None:
        self.is_ended = True


def _decode(name: bytes) -> str:
    return name.decode("utf-8", "replace")
