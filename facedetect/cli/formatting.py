"""Text formatting that several commands share."""


def counted(count: int, noun: str) -> str:
    """Return `1 face`, `2 faces`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def printable(text: str) -> str:
    """Escape characters in untrusted text that a terminal would interpret or cannot display."""
    return (
        text
        if text.isprintable()
        else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
    )
