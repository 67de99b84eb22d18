"""File names that are too long, or that some file systems treat as equal."""

from __future__ import annotations

import hashlib
import os
import unicodedata
from contextlib import suppress
from uuid import uuid4

from facedetect.archive.storage import DRAFTS, RUN_FOLDER, Storage

# The limit of nearly every file system.
LONGEST_NAME_BYTES = 255
_HASH_DIGITS = 8


def folded(name: str) -> str:
    """Return the same text for names that differ only in case or in the encoding of accents."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())


def shortened(stem: str, suffix: str, longest: int = LONGEST_NAME_BYTES) -> str:
    """Return stem and suffix; if too long, replace the end of the stem by a hash."""
    if _byte_count(stem + suffix) <= longest:
        return stem + suffix
    digest = hashlib.sha256(os.fsencode(stem)).hexdigest()
    ending = f"~{digest[:_HASH_DIGITS]}{suffix}"
    while _byte_count(stem + ending) > longest:
        stem = stem[:-1]
    return stem + ending


def folds_names(output: Storage, *, dry_run: bool) -> bool:
    """Return whether names that differ in case or in the encoding of accents are one file there.

    A dry run writes nothing, so it can tell only after an earlier run. Raises OSError.
    """
    if dry_run:
        with suppress(FileNotFoundError):
            return bool(output.entries(RUN_FOLDER.upper()))
        return False
    probe = f"{DRAFTS}/{uuid4().hex}"
    output.write(f"{probe}\u00e9", b"")  # one character; below, a letter plus an accent
    try:
        return any(_exists(output, probe + other) for other in ("\u00c9", "e\u0301"))
    finally:
        output.remove(f"{probe}\u00e9")


def _exists(storage: Storage, name: str) -> bool:
    try:
        storage.read(name)
    except FileNotFoundError:
        return False
    return True


def _byte_count(name: str) -> int:
    return len(os.fsencode(name))
