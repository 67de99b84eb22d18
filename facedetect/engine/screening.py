"""What screening in integers is calibrated to: measured by `scripts/bench screening`."""

from __future__ import annotations

from typing import NamedTuple


class ActivationRange(NamedTuple):
    """Values that are stored exactly but for rounding; those beyond count as its ends."""

    low: float
    high: float


PNET_ACTIVATIONS = {
    "conv1": ActivationRange(-2.9, 8.1),
    "conv2": ActivationRange(-5.2, 8.8),
}
"""The 0.01 and 99.99 percentiles of P-Net's activations, after PReLU and pooling."""

MARGINS = {"uint8": 0.85, "int8": 0.85, "int16": 0.1}
"""How far below the threshold's logit a cell is looked at again in float32, by the integers' type.
"""
