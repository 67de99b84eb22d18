"""The size that an AV1 picture is coded with: the sequence header (AV1 specification, 5.5)."""

from __future__ import annotations

import io

from facedetect.images.limits import PieceCounter

_SEQUENCE_HEADER = 1
# The sizes end after 385 if there are 32 operating points with all that can be said about each.
_MAX_HEADER_BYTES = 400
_MAX_ZEROS = 32


def read_coded_sizes(data: bytes, pieces: PieceCounter) -> list[tuple[int, int]]:
    """The largest frame (width, height) that each sequence header of a stream of OBUs allows."""
    sizes, at = [], 0
    while at < len(data):
        pieces.count()
        header = data[at]
        at += 2 if header & 4 else 1
        length = len(data) - at
        if header & 2:
            length, at = _read_leb128(data, at)
        if header >> 3 & 15 == _SEQUENCE_HEADER:
            content = data[at : at + min(length, _MAX_HEADER_BYTES)]
            bits = io.StringIO("".join(f"{byte:08b}" for byte in content))
            sizes.append(_read_max_frame_size(bits))
        at += length
    return sizes


def _read_leb128(data: bytes, at: int) -> tuple[int, int]:
    """A number of seven bits a byte, and where it ends."""
    value = 0
    for index in range(8):
        byte = int.from_bytes(data[at + index : at + index + 1])
        value |= (byte & 127) << 7 * index
        if not byte & 128:
            break
    return value, at + index + 1


def _read_max_frame_size(bits: io.StringIO) -> tuple[int, int]:
    _read(bits, 3 + 1)
    if _read(bits, 1):  # a still picture's short header
        _read(bits, 5)
    else:
        _skip_operating_points(bits)
    width_bits, height_bits = _read(bits, 4) + 1, _read(bits, 4) + 1
    return _read(bits, width_bits) + 1, _read(bits, height_bits) + 1


def _skip_operating_points(bits: io.StringIO) -> None:
    delay_bits = 0  # without a decoder model
    if _read(bits, 1):
        _read(bits, 32 + 32)
        if _read(bits, 1):
            _skip_uvlc(bits)
        if _read(bits, 1):
            delay_bits = _read(bits, 5) + 1
            _read(bits, 32 + 5 + 5)
    has_delays = _read(bits, 1)
    for _ in range(_read(bits, 5) + 1):
        _read(bits, 12)
        if _read(bits, 5) > 7:  # noqa: PLR2004 - levels from 4.0 have two tiers
            _read(bits, 1)
        if delay_bits and _read(bits, 1):
            _read(bits, 2 * delay_bits + 1)
        if has_delays and _read(bits, 1):
            _read(bits, 4)


def _skip_uvlc(bits: io.StringIO) -> None:
    """Skip a number that is preceded by as many zeros as it has bits; after 32 it has none."""
    zeros = 0
    while zeros < _MAX_ZEROS and not _read(bits, 1):
        zeros += 1
    if zeros < _MAX_ZEROS:
        _read(bits, zeros)


def _read(bits: io.StringIO, count: int) -> int:
    """The next `count` bits as a number; none are left past the end."""
    return int("0" + bits.read(count), 2)
