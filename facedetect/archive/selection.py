"""Select which files and folders of the source to process."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase, translate
from typing import Self

from facedetect.archive.names import folded
from facedetect.errors import InvalidSettings

# Recycle bins, thumbnails, snapshots and databases that systems keep among users' files.
_SYSTEM_NAMES = (
    # Synology, QNAP and other network storage
    "@eadir", "#recycle", "#snapshot", "@tmp", "@sharesnap", "@recycle", "@recently-snapshot",
    ".@__thumb", ".@upload_cache", ".snapshot", ".snapshots", ".zfs",
    # macOS
    ".appledouble", ".appledb", ".appledesktop", "__macosx", ".trashes", ".temporaryitems",
    "temporary items", "network trash folder", ".documentrevisions-v100", ".spotlight-v100",
    ".fseventsd",
    # Windows
    "$recycle.bin", "recycler", "system volume information",
    # Linux and Android
    ".trash", ".trash-*", ".trashed-*", ".pending-*", ".thumbnails", "lost+found",
    # programs
    ".dtrash", ".stversions", ".dropbox.cache",
)  # fmt: skip
_SYSTEM = re.compile("|".join(map(translate, _SYSTEM_NAMES)))


@dataclass(frozen=True)
class Selection:
    """Selects what `include` matches, or everything, except what `exclude` matches.

    System folders are skipped unless `include` matches them.
    """

    include: tuple[Pattern, ...] = ()
    exclude: tuple[Pattern, ...] = ()

    @classmethod
    def parse(cls, include: Iterable[str], exclude: Iterable[str]) -> Self:
        """Parse patterns; raises InvalidSettings."""
        return cls(
            tuple(Pattern.parse("include", text) for text in include),
            tuple(Pattern.parse("exclude", text) for text in exclude),
        )

    def includes(self, path: str, *, is_folder: bool) -> bool:
        """Return whether a path, or everything in a folder, is wanted."""
        return any(pattern.matches(path, is_folder=is_folder) for pattern in self.include)

    def excludes(self, path: str, *, is_folder: bool) -> bool:
        """Return whether a path is excluded."""
        return any(pattern.matches(path, is_folder=is_folder) for pattern in self.exclude)


@dataclass(frozen=True)
class Pattern:
    """A case-insensitive pattern as in .gitignore.

    Without a slash it matches names in any folder, otherwise paths from the top. `*` and `?` do not
    match slashes; `**` matches any number of folders. A trailing slash matches only folders.
    """

    parts: tuple[str, ...]
    folders_only: bool = False

    @classmethod
    def parse(cls, option: str, text: str) -> Self:
        """Parse a pattern; raises InvalidSettings."""
        path = folded(text).strip("/")
        if not path:
            raise InvalidSettings(
                f"--{option} {text!r} is not a pattern; give a name such as '*.png' or a path "
                "such as '2019/private'"
            )
        is_anchored = "/" in folded(text).rstrip("/")
        parts = path.split("/") if is_anchored else ["**", path]
        return cls(tuple(parts), text.endswith("/"))

    def matches(self, path: str, *, is_folder: bool) -> bool:
        """Return whether a path within the source matches."""
        if self.folders_only and not is_folder:
            return False
        return _matches(tuple(folded(path).split("/")), self.parts)


def is_system(name: str) -> bool:
    """Return whether a file or folder of this name belongs to the system."""
    return _SYSTEM.match(name.casefold()) is not None


def _matches(path: tuple[str, ...], pattern: tuple[str, ...]) -> bool:
    if not pattern:
        return not path
    if pattern[0] == "**":
        return any(_matches(path[start:], pattern[1:]) for start in range(len(path) + 1))
    return bool(path) and fnmatchcase(path[0], pattern[0]) and _matches(path[1:], pattern[1:])
