"""Telling what was found: a row for each file, and reports made of them."""

from facedetect.folder.reports.rows import Row, failed_row, found_row, to_json_line
from facedetect.folder.reports.summary import Summary
from facedetect.folder.reports.thumbnails import make_thumbnail
from facedetect.folder.reports.write import (
    ReportName,
    check_report,
    remove_report,
    report_path,
    write_report,
)

__all__ = [
    "ReportName",
    "Row",
    "Summary",
    "check_report",
    "failed_row",
    "found_row",
    "make_thumbnail",
    "remove_report",
    "report_path",
    "to_json_line",
    "write_report",
]
