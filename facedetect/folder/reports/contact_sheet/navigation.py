"""Leafing through the pages."""

from __future__ import annotations

from collections.abc import Iterator

_AROUND = 2


def page_name(number: int) -> str:
    """Return the file name of a page, counted from 1."""
    return "index.html" if number == 1 else f"page-{number:04}.html"


def navigation_html(number: int, last: int) -> str:
    """Return links to the pages before and after this one, around it, and at both ends."""
    if last == 1:
        return ""
    before = _step_html(number - 1, last, "prev", "← Previous")
    after = _step_html(number + 1, last, "next", "Next →")
    return f'{before}<ul class="numbers">{"".join(_numbers_html(number, last))}</ul>{after}'


def _step_html(to: int, last: int, way: str, words: str) -> str:
    if 1 <= to <= last:
        return f'<a class="button" rel="{way}" href="{page_name(to)}">{words}</a>'
    return f'<span class="button off">{words}</span>'


def _numbers_html(number: int, last: int) -> Iterator[str]:
    around = range(number - _AROUND, number + _AROUND + 1)
    shown = sorted({1, last, *(other for other in around if 1 <= other <= last)})
    before = 0
    for other in shown:
        if other > before + 1:
            yield '<li class="gap">…</li>'
        current = ' aria-current="page"' if other == number else ""
        link = f'<a href="{page_name(other)}" aria-label="Page {other:,}"{current}>{other:,}</a>'
        yield f"<li>{link}</li>"
        before = other
