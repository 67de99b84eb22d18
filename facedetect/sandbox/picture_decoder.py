"""The decoder process of pictures."""

from __future__ import annotations

import json
from collections.abc import Callable

from PIL import Image

from facedetect.faces import Box, Face, Landmarks, Point
from facedetect.images import ENCODED_SUFFIXES, ImageLimits, encode_image
from facedetect.images.formats import load_plugins
from facedetect.images.pixels import new_pixels
from facedetect.memory import give_back_freed, keep_freed_buffers
from facedetect.picture import LocalPicture
from facedetect.sandbox.decoder import Decoder
from facedetect.sandbox.protocol import Message, to_face, to_mask
from facedetect.sandbox.shared_memory import SharedMemory
from facedetect.sandbox.subject import IMAGE

# Files of this size: their memory is released afterwards.
_LARGE_PIXELS = 5_000_000
_LARGE_BYTES = 4 * 2**20


def rehearse() -> None:
    """Run every decoder once, to import what they can no longer open afterwards."""
    Image.init()
    load_plugins()
    point = Point(1, 1)
    face = Face(Box(0, 0, 8, 8), 1.0, Landmarks(point, point, point, point, point))
    for suffix in ENCODED_SUFFIXES:
        data = encode_image(new_pixels(64, 64), suffix)
        with LocalPicture(data, ImageLimits()) as picture:
            picture.draw([face], "box")
            picture.encode(suffix, "keep")
            picture.crop(face, "aligned", suffix)
            picture.thumbnail()


class PictureDecoder(Decoder):
    """Holds the open picture and answers requests about it."""

    def __init__(self, memory: SharedMemory, limits: ImageLimits) -> None:
        super().__init__(IMAGE)
        self._memory = memory
        self._limits = limits
        self._picture: LocalPicture | None = None
        self._file_bytes = 0

    def run(self, request: Message) -> Message:
        methods: dict[str, Callable[[Message], Message]] = {
            "open": self._open,
            "decode": self._decode,
            "draw": self._draw,
            "encode": self._encode,
            "crop": self._crop,
            "thumbnail": self._thumbnail,
            "close": self._close,
        }
        return methods[request["do"]](request)

    def _open(self, request: Message) -> Message:
        self._file_bytes = request["bytes"]
        data = self._memory.read_file(self._file_bytes)
        self._picture = LocalPicture(data, self._limits, self._memory.pixels)
        header = self._picture.header
        return {"width": header.width, "height": header.height, "format": header.format}

    def _decode(self, request: Message) -> Message:
        self._opened().decode(keep_encoding=request["keep_encoding"])
        return {}

    def _draw(self, request: Message) -> Message:
        drawn = json.loads(self._memory.read_result(request["bytes"]))
        faces = list(map(to_face, drawn["faces"]))
        self._opened().draw(faces, request["style"], to_mask(drawn["mask"]))
        return {}

    def _encode(self, request: Message) -> Message:
        return self._result(self._opened().encode(request["suffix"], request["metadata"]))

    def _crop(self, request: Message) -> Message:
        face = to_face(request["face"])
        return self._result(self._opened().crop(face, request["style"], request["suffix"]))

    def _thumbnail(self, _: Message) -> Message:
        return self._result(self._opened().thumbnail())

    def _opened(self) -> LocalPicture:
        if self._picture is None:
            raise AssertionError("no picture is open")
        return self._picture

    def _result(self, data: bytes) -> Message:
        self._memory.write_result(data)
        return {"bytes": len(data)}

    def _close(self, _: Message) -> Message:
        is_large = self._file_bytes > _LARGE_BYTES
        if self._picture is not None:
            is_large |= self._picture.header.pixel_count > _LARGE_PIXELS
            self._picture.close()
            self._picture = None
        if is_large:
            give_back_freed()
        return {}


def decode_pictures(limits: ImageLimits, socket_fd: int, memory_fd: int) -> None:
    """Answer requests until the other side closes. Call it in a newly forked process."""
    decoder = PictureDecoder(SharedMemory(memory_fd, limits), limits)
    keep_freed_buffers()
    decoder.serve(socket_fd)
