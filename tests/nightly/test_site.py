"""The documentation site builds, and requests nothing from other hosts."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
SITE = ROOT / "build" / "site"


def test_it_builds_without_a_broken_link_and_loads_nothing_from_elsewhere() -> None:
    subprocess.run(["scripts/docs"], cwd=ROOT, check=True)
    pages = list(SITE.rglob("*.html"))
    assert SITE / "index.html" in pages
    for page in pages:
        text = page.read_text("utf-8")
        loaded = re.findall(r"<(?:script|img|iframe)[^>]* src=\"([^\"]*)", text)
        loaded += re.findall(
            r"<link[^>]* rel=\"(?:stylesheet|preconnect)\"[^>]* href=\"([^\"]*)", text
        )
        ours = ("https://facedetect.github.io/facedetect/", "data:")
        assert not [url for url in loaded if "//" in url and not url.startswith(ours)]
