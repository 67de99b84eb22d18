"""Write, check and remove the reports by their names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

from facedetect.folder.layout import REPORTS
from facedetect.folder.places import Place
from facedetect.folder.reports import contact_sheet
from facedetect.folder.reports.coco_report import write_coco
from facedetect.folder.reports.csv_report import write_csv
from facedetect.folder.reports.jsonl_report import write_jsonl
from facedetect.folder.reports.parquet_report import check_parquet, write_parquet
from facedetect.folder.reports.report_rows import RowReader

ReportName = Literal["jsonl", "csv", "coco", "parquet", "html"]

_Writer = Callable[[RowReader, Path], None]
_WRITERS: dict[ReportName, _Writer] = {
    "jsonl": write_jsonl,
    "csv": write_csv,
    "coco": write_coco,
    "parquet": write_parquet,
}


def report_path(name: ReportName) -> str:
    """Return the report's path within the output folder; of the contact sheet, its first page."""
    return contact_sheet.INDEX if name == "html" else REPORTS[name]


def check_report(name: ReportName) -> None:
    """Raise InvalidSettings if a package that this report needs is missing."""
    if name == "parquet":
        check_parquet()


def write_report(name: ReportName, read_rows: RowReader, output: Place) -> str:
    """Write a report and return its path (see report_path); an earlier one is replaced at once.

    Rows keep their order. They are streamed, so memory does not grow with their number; some
    reports read them twice. Raises InvalidSettings (see check_report) and OSError.
    """
    check_report(name)
    if name == "html":
        contact_sheet.write_contact_sheet(read_rows, output)
    else:
        with output.written_to(report_path(name)) as unfinished:
            _WRITERS[name](read_rows, unfinished)
    return report_path(name)


def remove_report(name: ReportName, output: Place) -> None:
    """Remove an earlier run's report, if there is one. Raises OSError."""
    if name == "html":
        contact_sheet.remove_contact_sheet(output)
    else:
        output.remove(report_path(name))
