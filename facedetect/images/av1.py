"""The size that an AV1 picture is coded with: the sequence header (AV1 specification, 5.5)."""

from __future__ import annotations

from facedetect.images.limits import PieceCounter

_SEQUENCE_HEADER = 1
_MAX_HEADER_BYTES = 200


class _BitReader:
    """Reads bits one after the other; past the end they are zeros."""

    def __init__(self, data: bytes) -> None:
        self._value, self._left = int.from_bytes(data), 8 * len(data)

    def read(self, count: int) -> int:
        self._left -= count
        shifted = self._value >> self._left if self._left >= 0 else 0
        return shifted & (1 << count) - 1

    def read_uvlc(self) -> int:
        zeros = 0
        while self._left > 0 and not self.read(1):
            zeros += 1
        return self.read(min(zeros, 32))


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
            bits = _BitReader(data[at : at + min(length, _MAX_HEADER_BYTES)])
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


def _read_max_frame_size(bits: _BitReader) -> tuple[int, int]:
    bits.read(3 + 1)
    if bits.read(1):  # a still picture's short header
        bits.read(5)
    else:
        _skip_operating_points(bits)
    width_bits, height_bits = bits.read(4) + 1, bits.read(4) + 1
    return bits.read(width_bits) + 1, bits.read(height_bits) + 1


def _skip_operating_points(bits: _BitReader) -> None:
    delay_bits = 0
    has_model = False
    if bits.read(1):
        bits.read(32 + 32)
        if bits.read(1):
            bits.read_uvlc()
        has_model = bool(bits.read(1))
        if has_model:
            delay_bits = bits.read(5) + 1
            bits.read(32 + 5 + 5)
    has_delays = bits.read(1)
    for _ in range(bits.read(5) + 1):
        bits.read(12)
        if bits.read(5) > 7:  # noqa: PLR2004 - levels from 4.0 have two tiers
            bits.read(1)
        if has_model and bits.read(1):
            bits.read(2 * delay_bits + 1)
        if has_delays and bits.read(1):
            bits.read(4)
