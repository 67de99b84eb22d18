"""Multipart forms, parsed as they stream in and kept in memory only."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from dataclasses import dataclass
from io import BytesIO
from typing import cast

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import Field, File, FormParser, parse_options_header

from facedetect.errors import InvalidImage

MEDIA_TYPE = "multipart/form-data"


@dataclass(frozen=True)
class FormPart:
    """One part of a form; `filename` is None for a plain field."""

    name: str
    filename: str | None
    data: bytes


class _CompletedParts:
    """Collects what the parser has completed."""

    def __init__(self) -> None:
        self.is_ended = False
        self._parts: list[FormPart] = []

    def add_field(self, field: Field) -> None:
        self._parts.append(FormPart(_decode(field.field_name), None, field.value or b""))

    def add_file(self, file: File) -> None:
        data = cast("BytesIO", file.file_object).getvalue()
        self._parts.append(FormPart(_decode(file.field_name), _decode(file.file_name), data))

    def end(self) -> None:
        self.is_ended = True

    def take(self) -> list[FormPart]:
        """Return the parts completed since the last call."""
        parts, self._parts = self._parts, []
        return parts


async def read_form(content_type: str, body: AsyncIterator[bytes]) -> AsyncIterator[FormPart]:
    """Yield each part once it is complete. Raises InvalidImage for a malformed form."""
    boundary = parse_options_header(content_type)[1].get(b"boundary")
    if boundary is None:
        raise InvalidImage(
            f"malformed form: {content_type!r} has no boundary; send it as curl -F does"
        )
    completed = _CompletedParts()
    try:
        parser = FormParser(
            MEDIA_TYPE,
            completed.add_field,
            completed.add_file,
            completed.end,
            boundary=boundary,
            config={"MAX_MEMORY_FILE_SIZE": math.inf},  # never write to disk
        )
        async for chunk in _without_preamble(body, boundary):
            parser.write(chunk)
            for part in completed.take():
                yield part
        parser.finalize()
    except FormParserError as error:
        raise InvalidImage(f"malformed form: {error}; send it as curl -F does") from error
    if not completed.is_ended:
        raise InvalidImage("the form ends before its final boundary; send it completely")


async def _without_preamble(body: AsyncIterator[bytes], boundary: bytes) -> AsyncIterator[bytes]:
    """Skip what stands before the first boundary (RFC 2046, section 5.1.1)."""
    line_break = b"\r\n"
    delimiter = line_break + b"--" + boundary
    waiting: bytes | None = line_break  # since the first boundary needs none
    async for chunk in body:
        if waiting is None:
            yield chunk
            continue
        waiting += chunk
        at = waiting.find(delimiter)
        if at < 0:
            waiting = waiting[-len(delimiter) :]
        else:
            yield waiting[at + len(line_break) :]
            waiting = None


def _decode(name: bytes | None) -> str:
    return (name or b"").decode("utf-8", "replace")
