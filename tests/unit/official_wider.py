"""The steps of WIDER FACE's evaluation.m as plain, slow loops, to test the real code against.

An image is (labels, indices of those not ignored, detections): labels [x, y, width, height],
detections [x, y, width, height, score].
"""

from __future__ import annotations

from collections.abc import Sequence

Numbers = Sequence[float]
OfficialImage = tuple[list[Numbers], set[int], list[Numbers]]

THRESHOLD_COUNT = 1000


def evaluate(
    images: list[OfficialImage], iou: float
) -> tuple[list[float | None], list[float], float]:
    """Precision, None where there are no detections, recall, and average precision."""
    proposals, recalled, faces = [0] * THRESHOLD_COUNT, [0] * THRESHOLD_COUNT, 0
    images = normalise(images)
    for labels, counted, detections in images:
        faces += len(counted)
        if not labels or not detections:
            continue
        falling = sorted(detections, key=lambda detection: -detection[4])
        counts = evaluate_image(labels, counted, falling, iou)
        for t in range(1, THRESHOLD_COUNT + 1):
            last = None
            for index, detection in enumerate(falling):
                if detection[4] >= 1 - t / THRESHOLD_COUNT:
                    last = index
            if last is not None:
                proposals[t - 1] += counts[last][0]
                recalled[t - 1] += counts[last][1]
    precision = [r / p if p else None for p, r in zip(proposals, recalled, strict=True)]
    recall = [r / faces for r in recalled]
    return precision, recall, area(precision, recall)


def normalise(images: list[OfficialImage]) -> list[OfficialImage]:
    scores = [detection[4] for _, _, detections in images for detection in detections]
    low, high = min(scores), max(scores)
    return [
        (labels, counted, [[*d[:4], (d[4] - low) / (high - low)] for d in detections])
        for labels, counted, detections in images
    ]


def evaluate_image(
    labels: list[Numbers], counted: set[int], detections: list[Numbers], iou: float
) -> list[tuple[int, int]]:
    """After each detection, how many are not ignored so far, and how many faces are found."""
    is_found, is_ignored_hit = [False] * len(labels), [False] * len(detections)
    counts = []
    for number, detection in enumerate(detections):
        overlaps = [overlap(label, detection) for label in labels]
        best = overlaps.index(max(overlaps))
        if overlaps[best] >= iou:
            if best not in counted:
                is_ignored_hit[number] = True
            else:
                is_found[best] = True
        counts.append((number + 1 - sum(is_ignored_hit), sum(is_found)))
    return counts


def overlap(one: Numbers, other: Numbers) -> float:
    """boxoverlap.m: boxes include their last pixel."""
    width = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0]) + 1
    height = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1]) + 1
    if width <= 0 or height <= 0:
        return 0.0
    both = width * height
    areas = [(box[2] + 1) * (box[3] + 1) for box in (one, other)]
    return both / (sum(areas) - both)


def area(precision: list[float | None], recall: list[float]) -> float:
    """VOCap of wider_plot.m, whose max ignores NaN."""
    recalls = [0.0, *recall, 1.0]
    precisions = [0.0, *(-1.0 if p is None else p for p in precision), 0.0]
    for index in range(len(precisions) - 2, -1, -1):
        precisions[index] = max(precisions[index], precisions[index + 1])
    return sum(
        (recalls[index] - recalls[index - 1]) * precisions[index]
        for index in range(1, len(recalls))
        if recalls[index] != recalls[index - 1]
    )
