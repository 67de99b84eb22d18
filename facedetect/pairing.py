"""Pair boxes of the same face."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from facedetect.faces import Box


def pair_boxes(
    first: Sequence[Box], second: Sequence[Box], least_overlap: float = 0.5
) -> list[tuple[int, int]]:
    """Return index pairs of boxes of the same face, those that overlap most first."""
    overlaps = ((a.overlap(b), i, j) for i, a in enumerate(first) for j, b in enumerate(second))
    candidates = sorted((c for c in overlaps if c[0] > least_overlap), reverse=True)
    return pair_greedily((i, j) for _, i, j in candidates)


def pair_greedily(candidates: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Keep each pair whose members are not in an earlier pair; expects the best pairs first."""
    pairs: dict[int, int] = {}
    paired_seconds: set[int] = set()
    for first, second in candidates:
        if first not in pairs and second not in paired_seconds:
            pairs[first] = second
            paired_seconds.add(second)
    return list(pairs.items())
