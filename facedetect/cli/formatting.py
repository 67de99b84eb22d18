"""Text formatting that several commands share."""


def counted(count: int, noun: str) -> str:
    """Return `1 face`, `2 faces`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def printable(text: str) -> str:
    """Escape characters that a terminal would act on or cannot show, in untrusted text."""
    return (
        text
        if text.isprintable()
        else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
    )
