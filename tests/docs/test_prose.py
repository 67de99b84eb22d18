"""What scripts/prose finds in a page."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "scripts/prose"


def prose(page: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, SCRIPT, page], capture_output=True, check=False, text=True
    )


def test_phrases_are_found_across_lines_but_not_in_code(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A page\n\nThe run goes on\nwhere it was.\n\n`goes on where` is code.\n")
    read = prose(page)
    assert read.returncode == 1
    assert read.stdout.splitlines()[0].startswith(f"{page}:3: Write 'resumes' instead of")
    assert read.stdout.count(str(page)) == 1


def test_a_page_that_reads_well_passes(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A page\n\nThe run resumes.\n")
    assert prose(page).returncode == 0
