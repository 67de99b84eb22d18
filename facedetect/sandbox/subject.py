"""What a decoder works on, and the errors of one that does not survive it."""

from __future__ import annotations

import signal
from dataclasses import dataclass

from facedetect.errors import FacedetectError, ImageTooLarge, InvalidImage, InvalidVideo
from facedetect.sandbox.budget import Budget


@dataclass(frozen=True)
class Subject:
    """The words for one kind of file.

    `measure` says what its budget depends on, `advice` what to do about a file that exceeds it,
    `late` what a missed deadline means.
    """

    noun: str
    damaged: type[FacedetectError]
    measure: str
    advice: str
    again: str
    late: str

    def late_error(self) -> ImageTooLarge:
        """Return the error for a file that misses its deadline."""
        return ImageTooLarge(f"the {self.noun} {self.late}")

    def over_budget_error(self, what: str) -> ImageTooLarge:
        """Return the error for a file whose decoder exceeds its budget."""
        return ImageTooLarge(
            f"the {self.noun} takes more than {what}, the limit for {self.measure}; {self.advice}"
        )

    def error_of(self, exit_code: int | None, budget: Budget) -> FacedetectError:
        """Return the error of a file whose decoder has died."""
        match exit_code:
            case code if code == -signal.SIGPROF:
                return self.over_budget_error(f"{budget.cpu_s:.1f} s of CPU time")
            case None | 0:
                return self.damaged(
                    f"the {self.noun} was not decoded: its decoder process was killed; {self.again}"
                )
            case code if code == -signal.SIGKILL:  # by the kernel: out of memory
                return self.over_budget_error("the available memory")
        return self.damaged(
            f"the {self.noun} crashes its decoder (signal {-exit_code}); save it again with "
            "another program"
        )


IMAGE = Subject(
    "image",
    InvalidImage,
    "its file size and dimensions",
    "save it again as a plain JPEG or PNG, or scale it down",
    "send it again",
    "was not processed before the request's deadline; scale it down, or send it again",
)
VIDEO = Subject(
    "video",
    InvalidVideo,
    "one frame of its size",
    "re-encode it as H.264, or exclude it",
    "process it again",
    "made no progress for ten minutes; process it again on a less busy machine, or exclude it",
)
