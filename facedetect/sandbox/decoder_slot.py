"""One slot of the decoder pool, filled by one process after the other."""

from __future__ import annotations

import time
from contextlib import suppress

from facedetect.errors import FacedetectError
from facedetect.images import ImageLimits
from facedetect.sandbox.budget import Budget
from facedetect.sandbox.decoder_link import DecoderLink
from facedetect.sandbox.fork_server_client import ForkServerClient
from facedetect.sandbox.shared_memory import SharedMemory
from facedetect.sandbox.subject import IMAGE

_CLOSE_BUDGET = Budget(2.0, 64 * 2**20)
_CLOSE_S = 10.0


class DecoderSlot(DecoderLink):
    """One slot of the pool: its memory, and its current process, if there is one."""

    def __init__(self, fork_server: ForkServerClient, limits: ImageLimits) -> None:
        self.memory = SharedMemory.create(limits)
        super().__init__(fork_server, IMAGE, [self.memory.fd])

    def forget_picture(self) -> None:
        """Get ready for the next picture."""
        if self.is_running:
            with suppress(FacedetectError):
                self.ask({"do": "close"}, _CLOSE_BUDGET, time.monotonic() + _CLOSE_S)
        self.memory.give_back()

    def close(self) -> None:
        """Hang up, and free the memory."""
        self.hang_up()
        self.memory.close()
