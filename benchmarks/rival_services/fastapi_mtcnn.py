"""mtcnn behind FastAPI in the usual way: one detector, one lock.

python fastapi_mtcnn.py PORT; runs in its own environment.
"""

from __future__ import annotations

import os
import sys
from threading import Lock
from typing import Any

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import cv2
import numpy as np
import uvicorn
from fastapi import FastAPI, UploadFile
from mtcnn import MTCNN

app = FastAPI()
detector = MTCNN()
lock = Lock()


@app.get("/health")
def health() -> str:
    return "ok"


@app.post("/detect")
def detect(image: UploadFile) -> dict[str, Any]:
    pixels = cv2.imdecode(np.frombuffer(image.file.read(), np.uint8), cv2.IMREAD_COLOR)
    assert pixels is not None
    rgb = cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)
    with lock:
        faces = detector.detect_faces(
            rgb,
            min_face_size=20,
            scale_factor=0.709,
            threshold_pnet=0.6,
            threshold_rnet=0.7,
            threshold_onet=0.7,
        )
    return {"faces": [to_json(face) for face in faces]}


def to_json(face: dict[str, Any]) -> dict[str, Any]:
    """Convert NumPy numbers to Python's."""
    x, y, width, height = map(int, face["box"])
    keypoints = {name: list(map(int, point)) for name, point in face["keypoints"].items()}
    box = [x, y, x + width, y + height]
    return {"box": box, "confidence": float(face["confidence"]), "keypoints": keypoints}


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
