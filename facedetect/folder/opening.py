"""Opening the folder to look at and the one for the results, so that neither spoils the other."""

from __future__ import annotations

from facedetect.errors import InvalidSettings
from facedetect.folder.places import LocalPlace, Place
from facedetect.folder.remote import RemotePlace, open_place


def open_places(source: str, output: str, *, follow_links: bool) -> tuple[Place, Place]:
    """Open both by their paths or addresses; results within the source are not looked at.

    Raises InvalidSettings if results could overwrite sources.
    """
    results = open_place(output)
    left_out = results.root if isinstance(results, LocalPlace) else None
    pictures = open_place(source, left_out=left_out, follow_links=follow_links)
    if left_out is not None and left_out.exists() and not left_out.is_dir():
        raise InvalidSettings(f"{output} is a file; give a folder for the results")
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
    return pictures, results


def _is_within(inner: Place, outer: Place) -> bool:
    if isinstance(inner, LocalPlace) and isinstance(outer, LocalPlace):
        return inner.root.resolve().is_relative_to(outer.root.resolve())
    if isinstance(inner, RemotePlace) and isinstance(outer, RemotePlace):
        return f"{inner.url}/".startswith(f"{outer.url}/")
    return False
