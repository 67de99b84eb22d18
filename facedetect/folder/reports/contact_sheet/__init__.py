"""The report as pages to look at, which need no server and no network."""

from facedetect.folder.reports.contact_sheet.pages import (
    INDEX,
    remove_contact_sheet,
    write_contact_sheet,
)

__all__ = ["INDEX", "remove_contact_sheet", "write_contact_sheet"]
