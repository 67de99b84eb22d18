"""Write, check and remove the reports by their names."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Literal

from facedetect.folder.layout import REPORTS
from facedetect.folder.places import Place
from facedetect.folder.reports import contact_sheet
from facedetect.folder.reports.coco_report import write_coco
from facedetect.folder.reports.csv_report import write_csv
from facedetect.folder.reports.jsonl_report import write_jsonl
from facedetect.folder.reports.parquet_report import check_parquet, write_parquet
from facedetect.folder.reports.report_rows import Row

ReportName = Literal["jsonl", "csv", "coco", "parquet", "html"]

_Writer = Callable[[Iterable[Row], Path], None]
_WRITERS: dict[ReportName, _Writer] = {
    "jsonl": write_jsonl,
    "csv": write_csv,
    "coco": write_coco,
    "parquet": write_parquet,
}


def report_path(name: ReportName) -> str:
    """Return the path within the folder of results of the file to open first."""
    return contact_sheet.INDEX if name == "html" else REPORTS[name]


def check_report(name: ReportName) -> None:
    """Raise InvalidSettings if this report cannot be written here, before any work is done."""
    if name == "parquet":
        check_parquet()


def write_report(name: ReportName, rows: Iterable[Row], output: Place) -> str:
    """Write a report, replacing the one that is there at once, and return its path (report_path).

    Rows are taken one by one, in the order in which they are told, and not kept. Raises
    InvalidSettings (check_report) and OSError.
    """
    check_report(name)
    if name == "html":
        contact_sheet.write_contact_sheet(rows, output)
    else:
        with output.written_to(report_path(name)) as unfinished:
            _WRITERS[name](rows, unfinished)
    return report_path(name)


def remove_report(name: ReportName, output: Place) -> None:
    """Remove a report of an earlier run, if there is one. Raises OSError."""
    if name == "html":
        contact_sheet.remove_contact_sheet(output)
    else:
        output.remove(report_path(name))
