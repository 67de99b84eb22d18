"""Reports of a run: a row per file, and the report files built from all rows."""

from facedetect.archive.reports.report_rows import Row, failed_row, found_row, to_json_line
from facedetect.archive.reports.report_writers import (
    ReportName,
    check_report,
    remove_report,
    write_report,
)
from facedetect.archive.reports.run_summary import RunSummary

__all__ = [
    "ReportName",
    "Row",
    "RunSummary",
    "check_report",
    "failed_row",
    "found_row",
    "remove_report",
    "to_json_line",
    "write_report",
]
