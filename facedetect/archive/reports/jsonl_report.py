"""The report as JSON Lines: the rows, unchanged."""

from __future__ import annotations

from pathlib import Path

from facedetect.archive.reports.report_rows import RowReader, to_json_line


def write_jsonl(read_rows: RowReader, path: Path) -> None:
    """Write one line per row. Raises OSError."""
    with path.open("w", encoding="utf-8") as report:
        report.writelines(map(to_json_line, read_rows()))
