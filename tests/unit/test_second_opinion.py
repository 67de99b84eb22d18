"""We decode what OpenCV or libvips decodes, on a sample of all kinds of files."""

from __future__ import annotations

from tests.second_opinion import ask, corpus

_EVERY = 17  # 57 files of nearly a thousand


def test_somebody_agrees_with_us_about_every_file() -> None:
    opinions = [ask(sample) for sample in list(corpus())[::_EVERY]]
    assert [found.sample.name for found in opinions if found.is_doubtful] == []
    assert {"same", "only read by us"} <= {found.verdict() for found in opinions}
