"""Convert high dynamic range to standard range, which fits 8 bits and every screen."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from facedetect.images import BGRImage

# FFmpeg's numbers for transfer characteristics: Perceptual Quantizer and Hybrid Log-Gamma.
PQ, HLG = 16, 18

# ITU-R BT.2408: the brightness of standard-range white, and the peak most films are graded for.
_WHITE_NITS, _PEAK_NITS = 203.0, 1000.0
# BT.2100 tables 4 and 5.
_PQ_M1, _PQ_M2, _PQ_C1, _PQ_C2, _PQ_C3 = 2610 / 16384, 2523 / 32, 107 / 128, 2413 / 128, 2392 / 128
_PQ_NITS = 10_000.0
_HLG_A, _HLG_B, _HLG_C = 0.17883277, 0.28466892, 0.55991073
_HLG_GAMMA = 1.2
# The weights of BT.2020's R, G and B in luminance.
_LUMINANCE = (0.2627, 0.6780, 0.0593)
# BT.2087: from the primaries of BT.2020 to those of BT.709.
_TO_BT709 = np.array(
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]], np.float32
)
# Brightness below the knee is unchanged; all above it shares the rest.
_KNEE = 0.3
_BT1886_GAMMA = 2.4
_ROWS = 32


def is_hdr(transfer: int) -> bool:
    """Return whether a transfer characteristic, by FFmpeg's number, is high dynamic range."""
    return transfer in {PQ, HLG}


class ToneMapper:
    """Maps frames with one HDR transfer characteristic to BT.709 as displayed (BT.1886)."""

    def __init__(self, transfer: int) -> None:
        signal = np.arange(2**16) / (2**16 - 1)
        self._is_hlg = transfer == HLG
        light = _hlg_scene(signal) if self._is_hlg else _pq_nits(signal) / _WHITE_NITS
        self._light = light.astype(np.float32)

    def to_bgr(self, rgb48: NDArray[np.uint16]) -> BGRImage:
        """Convert 16-bit R'G'B' of BT.2020 to 8-bit BGR [height, width, 3]."""
        bgr = np.empty(rgb48.shape, np.uint8)
        for top in range(0, len(rgb48), _ROWS):  # small enough for the CPU cache
            rows = slice(top, top + _ROWS)
            bgr[rows] = self._map(rgb48[rows])
        return bgr

    def _map(self, rgb48: NDArray[np.uint16]) -> BGRImage:
        light: NDArray[Any] = self._light.take(rgb48)
        if self._is_hlg:
            luminance = cv2.transform(light, np.array([_LUMINANCE], np.float32))
            light *= self._hlg_scale(luminance)[..., np.newaxis]
        light = np.maximum(cv2.transform(light, _TO_BT709), 0)
        red, green, blue = cv2.split(light)
        brightest = cv2.max(cv2.max(red, green), blue)
        scale = _compressed(brightest) / np.maximum(brightest, np.finfo(np.float32).tiny)
        light = light * scale[..., np.newaxis]
        rgb = cv2.convertScaleAbs(cv2.pow(light, 1 / _BT1886_GAMMA), alpha=255)
        return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), np.uint8)

    def _hlg_scale(self, luminance: NDArray[Any]) -> NDArray[Any]:
        """Return how much brighter a display of peak luminance shows a scene (BT.2100 table 5)."""
        return cv2.pow(luminance, _HLG_GAMMA - 1) * np.float32(_PEAK_NITS / _WHITE_NITS)


def _pq_nits(signal: NDArray[Any]) -> NDArray[Any]:
    root = signal ** (1 / _PQ_M2)
    return _PQ_NITS * (np.maximum(root - _PQ_C1, 0) / (_PQ_C2 - _PQ_C3 * root)) ** (1 / _PQ_M1)


def _hlg_scene(signal: NDArray[Any]) -> NDArray[Any]:
    bright = (np.exp((signal - _HLG_C) / _HLG_A) + _HLG_B) / 12
    return np.where(signal <= 0.5, signal**2 / 3, bright)  # noqa: PLR2004 - BT.2100 table 5


def _compressed(brightness: NDArray[Any]) -> NDArray[Any]:
    """Compress brightness up to the peak below 1, by a hyperbola that continues the line.

    It leaves the line at the knee with the same slope, and reaches 1 at the peak.
    """
    over = np.minimum(brightness, _PEAK_NITS / _WHITE_NITS) - _KNEE
    room, range_ = 1 - _KNEE, _PEAK_NITS / _WHITE_NITS - _KNEE
    curved = _KNEE + over / (1 + over * (1 / room - 1 / range_))
    return np.where(over <= 0, brightness, curved).astype(np.float32)
