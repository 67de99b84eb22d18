"""The size that an AV1 picture is coded with: the sequence header (AV1 specification, 5.5)."""

from __future__ import annotations

from facedetect.images.slim import Pieces

_SEQUENCE_HEADER = 1


class _Bits:
    """Reads bits one after the other; zeros behind the end."""

    def __init__(self, data: bytes) -> None:
        self._value, self._left = int.from_bytes(data), 8 * len(data)

    def take(self, count: int) -> int:
        self._left -= count
        shifted = self._value >> self._left if self._left >= 0 else 0
        return shifted & (1 << count) - 1

    def take_uvlc(self) -> int:
        zeros = 0
        while self._left > 0 and not self.take(1):
            zeros += 1
        return self.take(min(zeros, 32))


def coded_sizes(data: bytes, pieces: Pieces) -> list[tuple[int, int]]:
    """Width and height that each sequence header of a stream of OBUs allows its frames."""
    sizes, at = [], 0
    while at < len(data):
        pieces.count()
        header = data[at]
        at += 2 if header & 4 else 1
        length = len(data) - at
        if header & 2:
            length, at = _leb128(data, at)
        if header >> 3 & 15 == _SEQUENCE_HEADER:
            sizes.append(_max_frame_size(_Bits(data[at : at + min(length, 200)])))
        at += length
    return sizes


def _leb128(data: bytes, at: int) -> tuple[int, int]:
    """A number of seven bits a byte, and where it ends."""
    value = 0
    for index in range(8):
        byte = int.from_bytes(data[at + index : at + index + 1])
        value |= (byte & 127) << 7 * index
        if not byte & 128:
            break
    return value, at + index + 1


def _max_frame_size(bits: _Bits) -> tuple[int, int]:
    bits.take(3 + 1)
    if bits.take(1):  # a still picture's short header
        bits.take(5)
    else:
        _skip_operating_points(bits)
    width_bits, height_bits = bits.take(4) + 1, bits.take(4) + 1
    return bits.take(width_bits) + 1, bits.take(height_bits) + 1


def _skip_operating_points(bits: _Bits) -> None:
    delay_bits = 0
    has_model = False
    if bits.take(1):
        bits.take(32 + 32)
        if bits.take(1):
            bits.take_uvlc()
        has_model = bool(bits.take(1))
        if has_model:
            delay_bits = bits.take(5) + 1
            bits.take(32 + 5 + 5)
    has_delays = bits.take(1)
    for _ in range(bits.take(5) + 1):
        bits.take(12)
        if bits.take(5) > 7:  # noqa: PLR2004 - levels from 4.0 have two tiers
            bits.take(1)
        if has_model and bits.take(1):
            bits.take(2 * delay_bits + 1)
        if has_delays and bits.take(1):
            bits.take(4)
