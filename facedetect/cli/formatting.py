"""Wording that several commands share."""


def counted(count: int, noun: str) -> str:
    """Return `1 face`, `2 faces`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def printable(text: str) -> str:
    """Write as escapes what a terminal would act on, or could not show: names are strangers'."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
