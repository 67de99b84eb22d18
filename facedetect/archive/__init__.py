"""Process picture and video files: one with `annotate_file`, many with `annotate_folder`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from facedetect.lazy_attributes import lazy_attributes

if TYPE_CHECKING:
    from facedetect.archive.annotate import (
        FolderOptions,
        FolderProgress,
        PreviewedFile,
        annotate_folder,
        preview_folder,
    )
    from facedetect.archive.one_file import annotate_file
    from facedetect.archive.processing import FileOptions, FrameProgress, RunInterrupted
    from facedetect.archive.reports import RunSummary
else:
    # `facedetect detect` prints the same rows, but must not import all of this.
    __getattr__ = lazy_attributes(
        __name__,
        {
            "FileOptions": "processing",
            "FolderOptions": "annotate",
            "FolderProgress": "annotate",
            "FrameProgress": "processing",
            "PreviewedFile": "annotate",
            "RunInterrupted": "processing",
            "RunSummary": "reports",
            "annotate_file": "one_file",
            "annotate_folder": "annotate",
            "preview_folder": "annotate",
        },
    )

__all__ = [
    "FileOptions",
    "FolderOptions",
    "FolderProgress",
    "FrameProgress",
    "PreviewedFile",
    "RunInterrupted",
    "RunSummary",
    "annotate_file",
    "annotate_folder",
    "preview_folder",
]
