"""The native engine: the cascade in C++, which screens in integers and decides in float32.

Importing it raises InvalidSettings if this installation has no compiled engine.
"""

from facedetect.errors import InvalidSettings

try:
    from facedetect.engine import _native  # noqa: F401 - to fail here if it is missing
except ImportError as error:
    raise InvalidSettings(
        "the backend embedded: needs facedetect's compiled engine, which this installation does "
        f"not have ({error}); install a wheel for this system with pip install facedetect, or "
        "a C++ compiler and then facedetect from source, or use a model server, as in "
        "--backend grpc://HOST:8500/mtcnn"
    ) from error
