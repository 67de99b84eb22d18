"""The report as CSV, for spreadsheets."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TextIO

from facedetect.archive.reports.report_rows import LANDMARKS, Row, RowReader, to_utf8

CSV_COLUMNS = (
    *("file", "status", "reason", "message", "width", "height"),
    *("face", "confidence", "x_min", "y_min", "x_max", "y_max"),
    *(f"{point}_{axis}" for point in LANDMARKS for axis in "xy"),
    *("track", "frame", "time_s", "first_s", "last_s"),
    "roll_deg",
)

# Spreadsheets treat text that starts like this as a formula, which can run commands and leak cells:
# https://owasp.org/www-community/attacks/CSV_Injection
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def write_csv(read_rows: RowReader, path: Path) -> None:
    """Write one line per face, and one per file without faces. Raises OSError."""
    with path.open("w", encoding="utf-8", newline="") as report:
        write = csv_row_writer(report)
        for row in read_rows():
            write(row)


def csv_row_writer(report: TextIO) -> Callable[[Row], None]:
    """Write the header, and return a function that writes a row's lines."""
    # Quote all text, so that names survive spreadsheets that split at semicolons.
    writer = csv.writer(report, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    return lambda row: writer.writerows(_csv_lines(row))


def _csv_lines(row: Row) -> Iterator[list[Any]]:
    texts = [_text_cell(row.get(column)) for column in ("file", "status", "reason", "message")]
    file_cells = [*texts, row.get("width"), row.get("height")]
    for number, face in enumerate(row.get("faces", ()), start=1):
        yield [*file_cells, number, *_face_cells(face)]
    if not row.get("faces"):
        yield file_cells + [None] * (len(CSV_COLUMNS) - len(file_cells))


def _face_cells(face: dict[str, Any]) -> list[Any]:
    box, landmarks = face["box"], face["landmarks"]
    return [
        face["confidence"],
        *(box[side] for side in ("x_min", "y_min", "x_max", "y_max")),
        *(landmarks[point][axis] for point in LANDMARKS for axis in "xy"),
        *(face.get(column) for column in ("track", "frame", "time_s", "first_s", "last_s")),
        face["roll_deg"],
    ]


def _text_cell(text: str | None) -> str | None:
    """Prefix apparent formulas with an apostrophe, which makes them text in any spreadsheet."""
    if text is None:
        return None
    return f"'{to_utf8(text)}" if text.startswith(_FORMULA_STARTS) else to_utf8(text)
