"""facenet-pytorch behind LitServe, written as in LitServe's documentation.

python litserve_facenet.py PORT WORKERS; runs in its own environment.
"""

import sys
from typing import Any

import cv2
import litserve
import numpy as np
import torch
from facenet_pytorch import MTCNN
from fastapi import Request


class FaceAPI(litserve.LitAPI):  # type: ignore[misc]
    def setup(self, device: str) -> None:
        # Each worker is a process; two cores are shared among them.
        torch.set_num_threads(max(1, 2 // int(sys.argv[2])))
        self.detector = MTCNN(
            min_face_size=20,
            factor=0.709,
            thresholds=[0.6, 0.7, 0.7],
            keep_all=True,
            device=device,
        )

    def decode_request(self, request: Request) -> Any:
        data = np.frombuffer(request["image"].file.read(), np.uint8)
        image = cv2.imdecode(data, cv2.IMREAD_COLOR)
        assert image is not None
        return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)

    def predict(self, image: Any) -> Any:
        return self.detector.detect(image, landmarks=True)

    def encode_response(self, output: Any) -> dict[str, Any]:
        boxes, scores, landmarks = output
        if boxes is None:
            return {"faces": []}
        rows = zip(boxes.tolist(), scores.tolist(), landmarks.tolist(), strict=True)
        return {"faces": [{"box": b, "confidence": s, "landmarks": m} for b, s, m in rows]}


if __name__ == "__main__":
    server = litserve.LitServer(
        FaceAPI(api_path="/detect"), accelerator="cpu", workers_per_device=int(sys.argv[2])
    )
    server.run(
        host="127.0.0.1", port=int(sys.argv[1]), generate_client_file=False, log_level="warning"
    )
