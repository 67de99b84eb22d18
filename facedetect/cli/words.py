"""Wording that several commands share."""


def counted(count: int, noun: str) -> str:
    """Return `1 face`, `2 faces`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
