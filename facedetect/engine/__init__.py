"""The native engine: the cascade in C++, looking in integers and deciding in float32.

Importing it raises InvalidSettings if it is not compiled in this installation.
"""

from facedetect.errors import InvalidSettings

try:
    from facedetect.engine import _native  # noqa: F401 - to tell here if it is missing
except ImportError as error:
    raise InvalidSettings(
        "the backend embedded: needs facedetect's compiled engine, which is not part of this "
        f"installation ({error}); install a wheel for this system with pip install facedetect, or "
        "a C++ compiler and then facedetect from source, or use a model server, as in "
        "--backend grpc://HOST:8500/mtcnn"
    ) from error
