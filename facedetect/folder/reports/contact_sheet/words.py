"""Strangers' file names in HTML, and what is counted."""

from __future__ import annotations

from html import escape
from urllib.parse import quote

from facedetect.folder.layout import CONTACT_SHEET
from facedetect.folder.reports.report_rows import Row, to_utf8

_REASONS = {
    "InvalidImage": "Damaged, or no image",
    "UnsupportedImage": "A format that is not supported",
    "InvalidVideo": "Damaged, or no video",
    "UnsupportedVideo": "A video that is not supported",
    "ImageTooLarge": "Larger than the limits allow",
    "InvalidParams": "More work than the limits allow",
    "BackendTimeout": "Not looked at in time",
    "BackendProtocolError": "The model's answer could not be used",
    "PermissionError": "Not permitted",
}


def in_html(text: str) -> str:
    """Make any text safe within HTML and its attributes."""
    return escape(to_utf8(text))


def link_to(path: str) -> str:
    """Return the address, from a page of the sheet, of a file within the folder of results.

    Addresses hold bytes: names that are not UTF-8 lead to their files, too.
    """
    inside = path.removeprefix(f"{CONTACT_SHEET}/")
    relative = inside if inside != path else f"../{path}"
    return quote(relative.encode("utf-8", "surrogateescape"))


def counted(count: int, noun: str) -> str:
    """Say "1 face" or "1,234 faces"."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def kind_of(row: Row) -> str:
    """What the filter knows: "failed", "faces" or "none"."""
    if row["status"] == "failed":
        return "failed"
    return "faces" if row["faces"] else "none"


def reason_in_words(reason: str) -> str:
    """Say what an error's class means."""
    return _REASONS.get(reason, "Could not be done")
