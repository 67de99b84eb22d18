"""What scripts/release requires of a checkout, and the changelog's format."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

import facedetect

ROOT = Path(__file__).parents[2]
CHANGELOG = (ROOT / "CHANGELOG.md").read_text("utf-8")
KINDS = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def git(checkout: Path, *arguments: str) -> None:
    person = ["-c", "user.name=Test", "-c", "user.email=test@example.org"]
    subprocess.run(["git", *person, *arguments], cwd=checkout, check=True, capture_output=True)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A clean repository with the files that the script reads before building."""
    for name in ("scripts/release", "facedetect/__init__.py", "CHANGELOG.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message", "A release")
    return tmp_path


def refusal(checkout: Path) -> str:
    script = checkout / "scripts/release"
    run = subprocess.run([script], cwd=checkout, capture_output=True, check=False, text=True)
    assert run.returncode == 2
    assert not (checkout / "dist").exists()
    return run.stderr


def test_uncommitted_changes_are_refused(checkout: Path) -> None:
    (checkout / "notes.txt").touch()
    assert "?? notes.txt" in refusal(checkout)


def test_a_version_without_notes_is_refused(checkout: Path) -> None:
    module = checkout / "facedetect/__init__.py"
    module.write_text(module.read_text("utf-8").replace(facedetect.__version__, "9.9.9"), "utf-8")
    git(checkout, "commit", "--quiet", "--all", "--message", "Another version")
    assert "no section '## [9.9.9] - DATE'" in refusal(checkout)


def test_another_versions_tag_is_refused(checkout: Path) -> None:
    git(checkout, "tag", "v9.9.9")
    assert "has the tag v9.9.9" in refusal(checkout)


def test_the_changelog_has_the_usual_form() -> None:
    headings = re.findall(r"^## (.*)", CHANGELOG, re.MULTILINE)
    assert headings[0] == "[Unreleased]"
    assert all(re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", text) for text in headings[1:])
    assert set(re.findall(r"^### (.*)", CHANGELOG, re.MULTILINE)) <= KINDS
    for heading in headings:
        assert f"\n{heading.split(' - ')[0]}: https://" in CHANGELOG
    assert headings[1].startswith(f"[{facedetect.__version__}]")
