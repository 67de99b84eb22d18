"""The report as HTML pages that work from a disk, without server or network."""

from facedetect.archive.reports.contact_sheet.sheet_writer import (
    remove_contact_sheet,
    write_contact_sheet,
)

__all__ = ["remove_contact_sheet", "write_contact_sheet"]
