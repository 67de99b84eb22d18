"""Weights in integers."""

from __future__ import annotations

import numpy as np

from facedetect.engine.packing import round_kernel


def test_the_errors_of_a_rounded_kernel_cancel_in_each_pair_of_channels() -> None:
    kernel = np.random.default_rng(2).normal(scale=40, size=(3, 3, 10, 16))

    rounded = round_kernel(kernel)

    assert np.abs(rounded - kernel).max() < 1
    assert np.abs((rounded - kernel).sum(axis=(0, 1))).max() <= 0.5
    nearest = np.rint(kernel)
    assert np.abs((nearest - kernel).sum(axis=(0, 1))).max() > 1
    assert np.mean(rounded == nearest) > 0.8
