"""Archives of pictures and videos, of any size: `annotate_folder`."""

from facedetect.archive.annotate import (
    FolderOptions,
    FolderProgress,
    PreviewedFile,
    annotate_folder,
    preview_folder,
)
from facedetect.archive.reports import RunSummary

__all__ = [
    "FolderOptions",
    "FolderProgress",
    "PreviewedFile",
    "RunSummary",
    "annotate_folder",
    "preview_folder",
]
