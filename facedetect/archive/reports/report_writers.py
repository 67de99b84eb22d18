"""Write, check and remove reports by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal, get_args

from facedetect.archive.output_layout import REPORTS
from facedetect.archive.reports.coco_report import write_coco
from facedetect.archive.reports.contact_sheet.sheet_writer import (
    remove_contact_sheet,
    write_contact_sheet,
)
from facedetect.archive.reports.csv_report import write_csv
from facedetect.archive.reports.parquet_report import check_parquet, write_parquet
from facedetect.archive.reports.report_rows import RowReader, to_json_line
from facedetect.archive.storage import Storage
from facedetect.errors import InvalidSettings

ReportName = Literal["jsonl", "csv", "coco", "parquet", "html"]


def _write_jsonl(read_rows: RowReader, path: Path) -> None:
    with path.open("w", encoding="utf-8") as report:
        report.writelines(map(to_json_line, read_rows()))


_WRITERS: dict[ReportName, Callable[[RowReader, Path], None]] = {
    "jsonl": _write_jsonl,
    "csv": write_csv,
    "coco": write_coco,
    "parquet": write_parquet,
}


def check_report(name: ReportName) -> None:
    """Raise InvalidSettings if the report does not exist or needs a missing package."""
    if name not in get_args(ReportName):
        known = ", ".join(get_args(ReportName))
        raise InvalidSettings(f"{name!r} is not a report; choose from {known}")
    if name == "parquet":
        check_parquet()


def write_report(name: ReportName, read_rows: RowReader, output: Storage) -> str:
    """Write a report and return its path; replace an earlier one atomically.

    Rows keep their order. They are streamed, so memory does not grow with their number; some
    reports read them twice. Call check_report first. Raises OSError.
    """
    path = REPORTS[name]
    if name == "html":
        write_contact_sheet(read_rows, output)
    else:
        with output.local_draft(path) as unfinished:
            _WRITERS[name](read_rows, unfinished)
    return path


def remove_report(name: ReportName, output: Storage) -> None:
    """Remove an earlier run's report, if any. Raises OSError."""
    if name == "html":
        remove_contact_sheet(output)
    else:
        output.remove(REPORTS[name])
