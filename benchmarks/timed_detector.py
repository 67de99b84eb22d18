"""Time a detector in a separate process: one JSON request per line in, one answer per line out.

python timed_detector.py KIND THREADS [PATH]
{"image": "crowd.npy", "min_size": 20}
{"ms": [33.1, 32.9], "boxes": [[1.0, 2.0, 3.0, 4.0]], "rss_mb": 512.0}

Each request runs several times. The first run does not count: processes take turns, so it finds
caches full of another's data.
"""

from __future__ import annotations

import json
import os
import sys
import time

import numpy as np
from detectors import LOADERS, Params
from process_memory import resident_mb

_COUNTED = 3
_ENOUGH_MS = 200


def main() -> None:
    kind, threads, path = sys.argv[1], int(sys.argv[2]), (sys.argv[3:] or [""])[0]
    # Some packages use all cores they see.
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # separates the packages' output from the answers
    detect = LOADERS[kind](path, threads)
    for line in sys.stdin:
        request = json.loads(line)
        image = np.load(request["image"])
        params = Params(request["min_size"])
        boxes = detect(image, params).boxes
        times_ms: list[float] = []
        while len(times_ms) < _COUNTED and sum(times_ms) < _ENOUGH_MS:
            started = time.perf_counter()
            detect(image, params)
            times_ms.append((time.perf_counter() - started) * 1000)
        answer = {"ms": times_ms, "boxes": boxes, "rss_mb": resident_mb()}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
