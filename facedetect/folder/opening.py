"""Opening the folder to look at and the one for the results, so that neither spoils the other."""

from __future__ import annotations

from pathlib import Path

from facedetect.errors import InvalidSettings
from facedetect.folder.places import STATE, LocalPlace, Place, is_within
from facedetect.folder.remote import RemotePlace, open_place


def open_places(source: str, output: str, *, follow_links: bool) -> tuple[Place, Place]:
    """Open both by their paths or addresses; results within the source are not looked at.

    Raises InvalidSettings if results could overwrite sources, or anything else that is no result.
    """
    for name, text in (("IN", source), ("OUT", output)):
        if not text:
            raise InvalidSettings(f"{name} is empty; give a folder")
    results = open_place(output)
    left_out = results.root if isinstance(results, LocalPlace) else None
    pictures = open_place(source, left_out=left_out, follow_links=follow_links)
    if _is_within(pictures, results):
        raise InvalidSettings(
            f"the results in {output} could overwrite the sources in {source}; "
            "give a folder that does not hold them"
        )
    if isinstance(results, RemotePlace) and _is_within(results, pictures):
        raise InvalidSettings(
            f"the results in {output} would be looked at with the sources in {source}; "
            "give an address outside of it"
        )
    _check_results(results, output)
    return pictures, results


def _is_within(inner: Place, outer: Place) -> bool:
    if isinstance(inner, LocalPlace) and isinstance(outer, LocalPlace):
        return is_within(inner.root, outer.root)
    if isinstance(inner, RemotePlace) and isinstance(outer, RemotePlace):
        return f"{inner.url}/".startswith(f"{outer.url}/")
    return False


def _check_results(results: Place, output: str) -> None:
    """Results replace what has their names: only in folders that hold results alone."""
    try:
        entries = results.entries("")
    except FileNotFoundError:
        return
    except NotADirectoryError:
        raise InvalidSettings(f"{output} is a file; give a folder for the results") from None
    if entries and not any(entry.name == STATE for entry in entries):
        raise InvalidSettings(
            f"{output} holds files that are no results of an earlier run; give a new or empty "
            "folder, since results replace what has their names"
        )
    if isinstance(results, LocalPlace) and Path(results.root, STATE).is_symlink():
        raise InvalidSettings(f"{output}/{STATE} is a link; remove it")
