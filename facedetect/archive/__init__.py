"""Archives of pictures and videos, of any size: `annotate_folder`."""

from facedetect.archive.annotate import (
    FolderOptions,
    FolderProgress,
    FolderSummary,
    PreviewedFile,
    annotate_folder,
    preview_folder,
)

__all__ = [
    "FolderOptions",
    "FolderProgress",
    "FolderSummary",
    "PreviewedFile",
    "annotate_folder",
    "preview_folder",
]
