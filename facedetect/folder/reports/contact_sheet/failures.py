"""What failed and why: a section of the first page."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from facedetect.folder.reports.contact_sheet.words import counted, in_html, reason_in_words
from facedetect.folder.reports.report_rows import Row

_LISTED_PER_REASON = 100


@dataclass
class Failures:
    """Files that failed by reason, the first hundred of each with where they are shown."""

    counts: Counter[str] = field(default_factory=Counter)
    listed: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def add(self, row: Row, link: str) -> None:
        """Take note of a row that failed; `link` leads to its tile."""
        self.counts[row["reason"]] += 1
        if self.counts[row["reason"]] <= _LISTED_PER_REASON:
            name, message = in_html(row["file"]), in_html(row["message"])
            shown = f'<a href="{link}"><bdi>{name}</bdi></a>'
            self.listed[row["reason"]].append(
                f'<li>{shown} <span class="about">{message}</span></li>'
            )

    def to_html(self) -> str:
        """Return the section, the most frequent reason first; nothing if nothing failed."""
        if not self.counts:
            return ""
        reasons = sorted(self.counts, key=lambda reason: (-self.counts[reason], reason))
        parts = "\n".join(map(self._reason_html, reasons))
        heading = '<h2 id="failed-title">What failed, and why</h2>'
        start = '<section class="failures" id="failed" aria-labelledby="failed-title">'
        return f"{start}{heading}\n{parts}</section>"

    def _reason_html(self, reason: str) -> str:
        files = "\n".join(self.listed[reason])
        more = self.counts[reason] - len(self.listed[reason])
        rest = f'<p class="about">And {counted(more, "other file")}.</p>' if more else ""
        words = f"{reason_in_words(reason)} <code>{in_html(reason)}</code>"
        heading = f"{words} <span>{counted(self.counts[reason], 'file')}</span>"
        return f"<details open><summary>{heading}</summary><ul>{files}</ul>{rest}</details>"
