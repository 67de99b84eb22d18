"""The report as a Parquet file, for data teams."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from facedetect.archive.reports.report_rows import LANDMARKS, Row, RowReader, to_utf8
from facedetect.errors import InvalidSettings

if TYPE_CHECKING:
    import pyarrow as pa

# A row group is written once it has this many rows or faces, which bounds memory.
_ROWS_PER_GROUP = 5_000
_FACES_PER_GROUP = 20_000


def check_parquet() -> None:
    """Raise InvalidSettings if pyarrow is not installed."""
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError as error:
        raise InvalidSettings(
            "the Parquet report needs pyarrow, which is not installed: install facedetect with its "
            "extra parquet, or choose another report"
        ) from error


def write_parquet(read_rows: RowReader, path: Path) -> None:
    """Write a row per file, with its faces as a list.

    Call check_parquet first. Raises OSError.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = parquet_schema()
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for group in _groups(read_rows()):
            writer.write_table(pa.Table.from_pylist(group, schema))
            del group  # frees it before the next one is collected


def parquet_schema() -> pa.Schema:
    """Return the schema: the keys of a report row, with the same nesting."""
    import pyarrow as pa

    text, whole, number = pa.string(), pa.int64(), pa.float64()
    point = pa.struct([("x", number), ("y", number)])
    box = pa.struct([(side, number) for side in ("x_min", "y_min", "x_max", "y_max")])
    face = [("box", box), ("confidence", number)]
    face += [("landmarks", pa.struct([(name, point) for name in LANDMARKS]))]
    face += [("roll_deg", number), ("track", whole), ("frame", whole)]
    face += [(name, number) for name in ("time_s", "first_s", "last_s")]
    video = [(name, whole) for name in ("frames", "looked_at", "tracks", "damaged")]
    video += [("seconds", number), ("missing_s", number), ("left_out", pa.list_(text))]
    results = [("picture", text), ("crops", pa.list_(text)), ("thumbnail", text), ("frames", text)]
    results.append(("not_written", pa.list_(text)))
    return pa.schema(
        [
            pa.field("file", text, nullable=False),
            pa.field("status", text, nullable=False),
            *[("reason", text), ("message", text), ("width", pa.int32()), ("height", pa.int32())],
            ("faces", pa.list_(pa.struct(face))),
            ("video", pa.struct(video)),
            ("results", pa.struct(results)),
        ]
    )


def _groups(rows: Iterable[Row]) -> Iterator[list[Row]]:
    group: list[Row] = []
    faces = 0
    for row in rows:
        group.append(_in_utf8(row))
        faces += len(row.get("faces", ()))
        if len(group) == _ROWS_PER_GROUP or faces >= _FACES_PER_GROUP:
            yield group
            group, faces = [], 0
    if group:
        yield group


def _in_utf8(value: Any) -> Any:
    """Copy a value with all text as UTF-8. Faces hold only numbers and are not copied."""
    if isinstance(value, str):
        return to_utf8(value)
    if isinstance(value, dict):
        return {key: v if key == "faces" else _in_utf8(v) for key, v in value.items()}
    return [_in_utf8(v) for v in value] if isinstance(value, list) else value
