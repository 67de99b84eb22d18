"""The outcome of a run."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from facedetect.archive.reports.report_rows import Row


@dataclass
class RunSummary:
    """Counts over the rows of one run, its duration, and the paths of its reports.

    `images` and `videos` were processed. `faces` were found in them, one per track in a video:
    videos have `tracks` faces in `frames` frames. `without_face` counts files without any.
    `unchanged` files were finished by an earlier run; the other counts include them. `others` are
    files that are neither pictures nor videos, and folders that were not entered; `system` are
    files and folders of the system, such as its recycle bin; `excluded` were excluded by an option.
    `missing` counts results whose sources this run did not see; `missing_other_options` are those
    made with other options: faces that are now hidden may be visible in them. `incomplete` files
    have a result, but their crops or thumbnail could not be written.
    """

    images: int = 0
    videos: int = 0
    faces: int = 0
    tracks: int = 0
    frames: int = 0
    without_face: int = 0
    unchanged: int = 0
    others: int = 0
    system: int = 0
    excluded: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    incomplete: int = 0
    missing: int = 0
    missing_other_options: int = 0
    interrupted: bool = False
    seconds: float = 0.0
    reports: list[str] = field(default_factory=list)

    @property
    def failed(self) -> int:
        return self.failures.total()

    @property
    def done(self) -> int:
        """The number of files with a row."""
        return self.images + self.videos + self.failed

    def skip(self, reason: str) -> None:
        """Count a skipped file or folder; the reason is a `SkipReason`."""
        self.others += reason == "other"
        self.system += reason == "system"
        self.excluded += reason == "excluded"

    def add(self, row: Row) -> None:
        """Count a row; the caller counts what rows do not contain, such as `unchanged`."""
        if row["status"] == "failed":
            self.failures[row["reason"]] += 1
            return
        if "video" in row:
            self.videos += 1
            self.tracks += row["video"]["tracks"]
            self.frames += row["video"]["frames"]
        else:
            self.images += 1
        self.faces += len(row["faces"])
        self.without_face += not row["faces"]
        self.incomplete += "not_written" in row.get("results", {})
