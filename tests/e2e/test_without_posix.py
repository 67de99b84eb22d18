"""The HTTP server on systems without POSIX."""

from __future__ import annotations

import subprocess
import sys

WITHOUT_POSIX = """
import sys

sys.modules["resource"] = sys.modules["fcntl"] = None

from facedetect.service.http_server import raise_open_file_limit

raise_open_file_limit()
"""


def test_the_service_imports_without_posix_modules() -> None:
    subprocess.run([sys.executable, "-c", WITHOUT_POSIX], check=True)
