"""Exit with 0 if the service in this container answers GET /healthz, or another path given."""  # noqa: INP001

import os
import sys
from http.client import HTTPConnection, HTTPException

# An address that stands for all of them is no address to call.
_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104


def main(path: str = "/healthz") -> None:
    host = os.environ.get("FACEDETECT_HOST", "127.0.0.1")
    port = int(os.environ.get("FACEDETECT_PORT", "8000"))
    connection = HTTPConnection(_LOOPBACK.get(host, host), port, timeout=3)
    try:
        connection.request("GET", path)
        status = connection.getresponse().status
    except (OSError, HTTPException) as error:
        sys.exit(f"GET {path}: {error}")
    if status != 200:  # noqa: PLR2004
        sys.exit(f"GET {path} answered {status}")


if __name__ == "__main__":
    main(*sys.argv[1:])
