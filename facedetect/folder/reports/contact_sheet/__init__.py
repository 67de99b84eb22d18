"""The report as pages to look at, which need no server and no network."""

from facedetect.folder.reports.contact_sheet.pages import INDEX, write_contact_sheet

__all__ = ["INDEX", "write_contact_sheet"]
