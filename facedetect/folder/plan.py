"""Which images there are in a folder and where each one's result goes."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from facedetect.errors import InvalidSettings
from facedetect.images import ENCODED_SUFFIXES

IMAGE_SUFFIXES = frozenset(
    {*ENCODED_SUFFIXES, ".avif", ".dib", ".gif", ".heic", ".heif", ".jfif", ".jpe", ".mpo"},
)
_REPORT_NAME = "report.jsonl"


@dataclass(frozen=True)
class Item:
    """One image: `name` is its path within the folder, with slashes."""

    name: str
    source: Path
    output: Path


@dataclass(frozen=True)
class Plan:
    """Everything one run will do.

    `others` counts the files that are no images by their names; `unreadable` are folders that
    could not be listed, with the error.
    """

    output: Path
    items: list[Item]
    others: int
    unreadable: list[tuple[str, OSError]]

    @property
    def report(self) -> Path:
        return self.output / _REPORT_NAME


def plan_folder(source: Path, output: Path) -> Plan:
    """List the images below `source`, sorted; the results mirror its tree below `output`.

    `output` may lie inside `source`: it is left out. Raises InvalidSettings if `source` is no
    folder, or a result could overwrite a source.
    """
    if output.exists() and not output.is_dir():
        raise InvalidSettings(f"{output} is a file; give a folder for the results")
    if source.resolve().is_relative_to(output.resolve()):
        raise InvalidSettings(
            f"the results in {output} could overwrite the sources in {source}; "
            "give a folder that does not hold them"
        )
    if (output / _REPORT_NAME).is_dir():
        raise InvalidSettings(f"{output / _REPORT_NAME} is a folder; the report goes there")
    listing = list_images(source, left_out=output)
    items = _items(listing.images, source, output)
    _check_sources_stay(items)
    return Plan(output, items, listing.others, listing.unreadable)


@dataclass(frozen=True)
class Listing:
    """The images below a folder, sorted, and what else is there (see Plan)."""

    images: list[Path]
    others: int
    unreadable: list[tuple[str, OSError]]


def list_images(source: Path, *, left_out: Path | None = None) -> Listing:
    """List what lies below `source`, but not below `left_out`.

    Raises InvalidSettings if `source` is no folder.
    """
    if not source.is_dir():
        raise InvalidSettings(f"{source} is not a folder")
    unreadable: list[tuple[str, OSError]] = []
    skipped = left_out.resolve() if left_out else None
    files = list(_files_below(source, skipped, unreadable))
    images = [path for path in files if path.suffix.lower() in IMAGE_SUFFIXES]
    return Listing(images, len(files) - len(images), unreadable)


def _check_sources_stay(items: list[Item]) -> None:
    """Links within the folder of results may lead back to the sources."""
    sources = {item.source.resolve() for item in items}
    for item in items:
        if item.output.resolve() in sources:
            raise InvalidSettings(f"{item.output} is a link to a source; give another folder")


def _files_below(
    source: Path, left_out: Path | None, unreadable: list[tuple[str, OSError]]
) -> Iterable[Path]:
    def note(error: OSError) -> None:
        folder = Path(error.filename).relative_to(source).as_posix()
        unreadable.append((folder, error))

    for folder, subfolders, names in os.walk(source, onerror=note):
        here = Path(folder)
        subfolders[:] = sorted(name for name in subfolders if (here / name).resolve() != left_out)
        yield from (here / name for name in sorted(names))


def _items(images: list[Path], source: Path, output: Path) -> list[Item]:
    """Results keep their source's name where it can be written, and get .png added where not."""
    names = [path.relative_to(source) for path in images]
    taken = {name for name in names if name.suffix.lower() in ENCODED_SUFFIXES}
    items = []
    for path, name in zip(images, names, strict=True):
        result = name
        while result.suffix.lower() not in ENCODED_SUFFIXES or (result != name and result in taken):
            result = result.with_name(f"{result.name}.png")
        taken.add(result)
        items.append(Item(name.as_posix(), path, output / result))
    return items
