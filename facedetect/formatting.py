"""Text for people, in commands and reports."""


def counted(count: int, noun: str) -> str:
    """Return `1 face`, `1,234 faces`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def printable(text: str) -> str:
    """Escape characters in untrusted text that a terminal would interpret or cannot display."""
    return (
        text
        if text.isprintable()
        else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
    )
