"""Hand-made odd videos."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path

import av
from av.container import OutputContainer

from tests.unit.videos import (
    RATE,
    add_pictures,
    make_video,
    packets_of,
    written,
)

TICK = Fraction(1, RATE)
INTERLACED = {"x264-params": "interlaced=1"}


def mux(output: OutputContainer, stream: av.VideoStream, packets: Iterable[bytes]) -> None:
    """Write packets as they are."""
    for number, data in enumerate(packets):
        packet = av.Packet(data)
        packet.stream, packet.time_base = stream, TICK
        packet.pts = packet.dts = number
        packet.is_keyframe = True
        output.mux(packet)


def half_floats_exr(side: int = 16) -> bytes:
    """An OpenEXR picture of grey and transparency."""

    def attribute(name: bytes, kind: bytes, value: bytes) -> bytes:
        return name + b"\0" + kind + b"\0" + struct.pack("<i", len(value)) + value

    channels = b"".join(name + b"\0" + struct.pack("<iIii", 2, 0, 1, 1) for name in (b"A", b"Y"))
    window = struct.pack("<4i", 0, 0, side - 1, side - 1)
    head = struct.pack("<ii", 20000630, 2) + b"".join(
        [
            attribute(b"channels", b"chlist", channels + b"\0"),
            attribute(b"compression", b"compression", b"\0"),
            attribute(b"dataWindow", b"box2i", window),
            attribute(b"displayWindow", b"box2i", window),
            attribute(b"lineOrder", b"lineOrder", b"\0"),
            attribute(b"pixelAspectRatio", b"float", struct.pack("<f", 1)),
            attribute(b"screenWindowCenter", b"v2f", bytes(8)),
            attribute(b"screenWindowWidth", b"float", struct.pack("<f", 1)),
            b"\0",
        ]
    )
    line = struct.pack(f"<{2 * side}f", *[0.5] * 2 * side)
    begins = [len(head) + 8 * side + n * (8 + len(line)) for n in range(side)]
    lines = (struct.pack("<ii", n, len(line)) + line for n in range(side))
    return head + struct.pack(f"<{side}Q", *begins) + b"".join(lines)


def boxes_of(data: bytes) -> Iterator[bytes]:
    """What an MP4 file, or one of its boxes, is made of."""
    while data:
        (size,) = struct.unpack(">I", data[:4])
        yield data[:size]
        data = data[size:]


def with_tags_first(data: bytes) -> bytes:
    parts = []
    for box in boxes_of(data):
        inner = sorted(boxes_of(box[8:]), key=lambda part: part[4:8] != b"udta")
        parts.append(box[:8] + b"".join(inner) if box[4:8] == b"moov" else box)
    return b"".join(parts)


def hidden_frames(path: Path, count: int) -> Path:
    """A VP8 video of two frames, and as many between them that are decoded and never shown."""
    shown = make_video(path.with_name("shown.webm"), codec="libvpx")
    first, second, *_ = (data for _, _, data in packets_of(shown, "video"))
    is_shown = 0x10  # RFC 6386, section 9.1
    hidden = bytes([second[0] & ~is_shown]) + second[1:]
    with written(path) as output:
        mux(output, add_pictures(output, codec="libvpx"), [first, *[hidden] * count, second])
    return path


def damaged_video(path: Path, codec: str) -> Path:
    """Every fourth packet has a wrong piece in its middle."""
    options = {"x265-params": "wpp=1:log-level=error"} if codec == "libx265" else {}
    options |= {"g": "8"} if codec != "libx265" else {}
    make_video(path, codec=codec, size_wh=(640, 256), options=options)
    data = path.read_bytes()
    with av.open(str(path)) as container:
        packets = [bytes(packet) for packet in container.demux(video=0) if packet.size > 40]
    for packet in packets[2::4]:
        middle = len(packet) // 2
        broken = packet[:middle] + b"\x5a" * 8 + packet[middle + 8 :]
        data = data.replace(packet, broken)
    path.write_bytes(data)
    return path
