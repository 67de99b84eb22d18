"""Archives of pictures and videos, of any size: `annotate_folder`."""

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
    from facedetect.archive.reports import RunSummary
else:
    # `facedetect detect` reports rows as annotate-folder does, without all that this needs.
    __getattr__ = lazy_attributes(
        __name__,
        {
            "FolderOptions": "annotate",
            "FolderProgress": "annotate",
            "PreviewedFile": "annotate",
            "RunSummary": "reports",
            "annotate_folder": "annotate",
            "preview_folder": "annotate",
        },
    )

__all__ = [
    "FolderOptions",
    "FolderProgress",
    "PreviewedFile",
    "RunSummary",
    "annotate_folder",
    "preview_folder",
]
