"""The names of results: their source's, unless that clashes or cannot be written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain, count
from pathlib import PurePosixPath

from facedetect.archive.media_suffixes import added_suffix
from facedetect.archive.names import folded, shortened
from facedetect.archive.output_layout import RESERVED

ResultNames = dict[tuple[str, bool], str]
"""Result names by source name and whether it is a folder."""


def result_names(files: Iterable[str], folders: Iterable[str], *, is_folding: bool) -> ResultNames:
    """Return the name of the result of each picture, video and folder within one folder.

    It is the source's name if its format can be written. Otherwise a suffix is appended, repeatedly
    until the name is unique in the folder. With `is_folding`, names that differ only in case count
    as equal; all but the first get a number.
    """
    key: Callable[[str], str] = folded if is_folding else str
    folders = dict.fromkeys(folders)
    # Unchanged names come first, so that none depends on how others change.
    ordered = sorted(files, key=lambda name: bool(added_suffix(name)))
    names: ResultNames = {}
    taken: set[str] = set()
    for name, is_folder in [*((n, True) for n in folders), *((n, False) for n in ordered)]:
        # An object store may have a file and a folder of the same name.
        own = set() if is_folder or name not in folders else {name}
        found = next(n for n in _candidates(name, is_folder) if key(n) not in taken or n in own)
        names[name, is_folder] = found
        taken.add(key(found))
    return names


def avoid_reserved(folder: str, *, is_folding: bool) -> str:
    """Append a _ to a source folder whose name is reserved in the output."""
    name = folded(folder) if is_folding else folder
    return f"{folder}_" if name.rstrip("_") in RESERVED else folder


def _candidates(name: str, is_folder: bool) -> Iterator[str]:
    """Yield possible names of a result, best first."""
    added = "" if is_folder else added_suffix(name)
    if added:
        return (shortened(name, added * times) for times in count(1))
    suffix = "" if is_folder else PurePosixPath(name).suffix
    stem = name.removesuffix(suffix)
    return chain([name], (shortened(stem, f"~{number}{suffix}") for number in count(2)))
