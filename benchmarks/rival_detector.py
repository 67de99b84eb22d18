"""Run an MTCNN package as an external program for `facedetect evaluate`: JSON lines in and out.

python rival_detector.py KIND THREADS [PATH]
{"image": "/data/1.jpg", "min_size": 20, "factor": 0.709, "thresholds": [0.6, 0.7, 0.7]}
{"boxes": [[1.0, 2.0, 3.0, 4.0]], "scores": [0.9], "landmarks": [[[1.0, 2.0], ...]]}

Pictures are decoded as in facedetect, upright and by Pillow. A picture that needs more than 6 GB
fails. Because some packages leak memory, a failed picture is retried once after a restart, so that
it never fails because of earlier ones.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from dataclasses import asdict
from itertools import chain
from typing import Any

import numpy as np
from detectors import LOADERS, Detect, Faces, Params
from PIL import Image, ImageOps

_MOST_BYTES = 6 * 10**9


def main() -> None:
    kind, threads, path, again = [*sys.argv[1:], "", ""][:4]
    resource.setrlimit(resource.RLIMIT_DATA, (_MOST_BYTES, _MOST_BYTES))
    # Some packages use all cores they see.
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: int(threads)])
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # separates the packages' output from the answers
    detect = LOADERS[kind](path, int(threads))
    is_new = True
    for line in chain([again] if again else [], sys.stdin):
        try:
            answer = asdict(answer_to(line, detect))
        except Exception as error:  # noqa: BLE001 - a package may raise anything
            if not is_new:
                os.dup2(answers.fileno(), 1)
                restart(kind, threads, path, line)
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=answers, flush=True)
        is_new = False


def answer_to(line: str, detect: Detect) -> Faces:
    request = json.loads(line)
    image = read_bgr(request["image"])
    params = Params(request["min_size"], request["factor"], tuple(request["thresholds"]))
    return detect(image, params)


def restart(*arguments: str) -> None:
    """Replace this process, keeping its input and output; no further request is waiting."""
    os.execv(sys.executable, [sys.executable, __file__, *arguments])  # noqa: S606 - this program


def read_bgr(path: str) -> Any:
    with Image.open(path) as picture:
        upright = ImageOps.exif_transpose(picture)
        return np.ascontiguousarray(np.asarray(upright.convert("RGB"))[..., ::-1])


if __name__ == "__main__":
    main()
