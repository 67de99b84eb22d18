"""Where each folder begins: a section of the first page, to find one's way in many pages."""

from __future__ import annotations

from dataclasses import dataclass, field

from facedetect.folder.reports.contact_sheet.words import in_html
from facedetect.folder.reports.report_rows import Row

_MOST = 1000


@dataclass
class Folders:
    """The folders at the top, the first thousand of them: where they begin and what they hold."""

    starts: dict[str, str] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def add(self, row: Row, link: str) -> None:
        """Take note of a row's folder; `link` leads to the row's tile."""
        folder, inside, _ = row["file"].partition("/")
        if inside and (folder in self.starts or len(self.starts) < _MOST):
            self.starts.setdefault(folder, link)
            self.counts[folder] = self.counts.get(folder, 0) + 1

    def to_html(self) -> str:
        """Return the section; nothing if there is no folder."""
        if not self.starts:
            return ""
        items = "\n".join(map(self._item_html, self.starts))
        summary = f"Folders <span>{len(self.starts):,}</span>"
        return f'<details class="folders"><summary>{summary}</summary><ul>{items}</ul></details>'

    def _item_html(self, folder: str) -> str:
        link = f'<a href="{self.starts[folder]}"><bdi>{in_html(folder)}</bdi></a>'
        return f'<li>{link} <span class="about">{self.counts[folder]:,}</span></li>'
