"""We decode what OpenCV or libvips decodes, or explain why not."""

from __future__ import annotations

import re

from tests.second_opinion import EXPLAINED, ask, corpus


def test_somebody_agrees_with_us_about_every_file() -> None:
    opinions = [ask(sample) for sample in corpus()]
    assert [found.sample.name for found in opinions if found.is_doubtful] == []
    alone = [found.sample.name for found in opinions if "nobody" in found.verdict()]
    alone += [found.sample.name for found in opinions if isinstance(found.ours, str)]
    stale = [each for each in EXPLAINED if not any(re.match(each, name) for name in alone)]
    assert stale == [], "explained, but there is nothing to explain"
