"""The calibration of the integer screening, measured by `scripts/bench screening`."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from facedetect.mtcnn.weights import Net

ActivationRanges = Sequence[tuple[float, float]]

_CALIBRATED_NET = "5b9d6dcdc3261c26038b445515a4e086060def48b30c5e4c763ac78f5c9cda76"

PNET_ACTIVATIONS: Mapping[str, ActivationRanges] = {
    "conv1": [
        (0.0, 7.2),
        (0.0, 8.3),
        (-4.2, 6.2),
        (-2.9, 9.4),
        (0.0, 12.3),
        (-2.3, 10.4),
        (0.0, 7.9),
        (-2.3, 13.4),
        (0.0, 15.9),
        (0.0, 7.9),
    ],
    "conv2": [
        (-2.3, 12.3),
        (-5.6, 11.5),
        (-4.5, 11.5),
        (-1.6, 20.0),
        (-5.3, 11.6),
        (-9.4, 14.8),
        (-9.1, 9.0),
        (-11.7, 7.3),
        (-9.8, 20.9),
        (0.0, 15.4),
        (-7.8, 18.3),
        (-4.6, 16.5),
        (0.0, 16.8),
        (0.0, 19.0),
        (0.0, 17.6),
        (0.0, 9.1),
    ],
}
"""The ranges of P-Net's activations per channel; values outside are clamped."""

MARGINS = {"uint8": 1.0, "int8": 1.0, "int16": 0.1}
"""How far below the threshold's logit cells are rechecked in float32, by integer type."""


def is_calibrated(net: Net) -> bool:
    """Return whether `net` is the measured P-Net; others run only in float32."""
    return digest(net) == _CALIBRATED_NET


def digest(net: Net) -> str:
    """Return the SHA-256 of a net's arrays."""
    checksum = hashlib.sha256()
    for name, layer in sorted(net.items()):
        checksum.update(name.encode())
        for array in (layer.kernel, layer.bias, layer.slope):
            checksum.update(b"" if array is None else array.tobytes())
    return checksum.hexdigest()
