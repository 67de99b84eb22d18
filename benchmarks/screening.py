"""Measure the calibration of the integer screening: scripts/bench screening.

Prints the ranges of P-Net's activations, which integers must store, and for each margin how many
cells pass and how many are missed that float32 would have kept. Both go into
facedetect/engine/screening.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from rich.console import Console
from rich.table import Table

from benchmarks.arguments import bench_parser
from benchmarks.pictures import pictures
from facedetect.arrays import Float32Array
from facedetect.detection_params import PNET_SIDE
from facedetect.engine.engine import Engine, instruction_sets
from facedetect.images import BGRImage, ImageLimits, load_image
from facedetect.mtcnn.geometry import ACCURATE
from facedetect.mtcnn.weights import Layer, Net, load_weights

_MARGINS = (0.0, 0.1, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75)
# Activations of each level are read from its middle, at most this many pixels per side.
_SAMPLE_SIDE = 300


def main() -> None:
    parser = bench_parser("screening", __doc__)
    parser.add_argument("--images", type=Path, help="a folder of photographs instead of the five")
    parser.add_argument("--min-size", type=float, default=12, help="smallest face, px")
    parser.add_argument("--threshold", type=float, default=0.6, help="P-Net's threshold")
    parser.add_argument("--factor", type=float, default=0.709, help="from level to level")
    arguments = parser.parse_args()
    images = list(read_images(arguments.images))
    scales = [scales_of(image, arguments.min_size, arguments.factor) for image in images]
    console = Console()
    console.print(activation_table(images, scales))
    logit = float(np.log(arguments.threshold / (1 - arguments.threshold)))
    for name in instruction_sets():
        engine = Engine(load_weights(), ACCURATE, instruction_set=name)
        counts = ScreeningCounts(logit)
        for image, image_scales in zip(images, scales, strict=True):
            for scale in image_scales:
                screened, exact = engine.cell_logits(image, scale)
                if screened is not None:
                    counts.add(screened, exact)
        if counts.cells:
            console.print(counts.table(name))


def read_images(folder: Path | None) -> Iterator[BGRImage]:
    if folder is None:
        yield from pictures().values()
        return
    for path in sorted(folder.rglob("*.jpg")):
        yield load_image(path, ImageLimits())


def scales_of(image: BGRImage, min_size: float, factor: float) -> list[float]:
    scales = [PNET_SIDE / min_size]
    while min(image.shape[:2]) * scales[-1] * factor > PNET_SIDE:
        scales.append(scales[-1] * factor)
    return scales


@dataclass
class ScreeningCounts:
    """The screening's predictions for cells, compared with their float32 logits."""

    threshold: float
    cells: int = 0
    kept: int = 0
    passed: Counter[float] = field(default_factory=Counter)
    missed: Counter[float] = field(default_factory=Counter)
    largest_loss: float = 0.0
    """The largest shortfall of a kept cell's prediction below the threshold."""

    def add(self, screened: Float32Array, exact: Float32Array) -> None:
        is_kept = exact > self.threshold
        self.cells += exact.size
        self.kept += int(is_kept.sum())
        for margin in _MARGINS:
            passes = screened > self.threshold - margin
            self.passed[margin] += int(passes.sum())
            self.missed[margin] += int((is_kept & ~passes).sum())
        if is_kept.any():
            loss = self.threshold - screened[is_kept].min()
            self.largest_loss = max(self.largest_loss, float(loss))

    def table(self, name: str) -> Table:
        title = (
            f"{name}: {self.cells:,} cells, {self.kept:,} kept by float32, "
            f"smallest margin without a miss {self.largest_loss:.3f}"
        )
        table = Table("margin", "pass", "missed", title=title)
        for margin in _MARGINS:
            table.add_row(f"{margin}", f"{self.passed[margin]:,}", f"{self.missed[margin]:,}")
        return table


def activation_table(images: list[BGRImage], scales: list[list[float]]) -> Table:
    net = load_weights().pnet
    table = Table("layer", "channel", "smallest", "largest")
    for name in ("conv1", "conv2"):
        ends = [
            (values.min(axis=(0, 1)), values.max(axis=(0, 1)))
            for image, image_scales in zip(images, scales, strict=True)
            for values in (
                activations(net, resized_middle(image, scale))[name] for scale in image_scales
            )
        ]
        low = np.min([low for low, _ in ends], axis=0)
        high = np.max([high for _, high in ends], axis=0)
        for channel, (least, most) in enumerate(zip(low, high, strict=True)):
            table.add_row(name, str(channel), f"{least:.2f}", f"{most:.2f}")
    return table


def resized_middle(image: BGRImage, scale: float) -> Float32Array:
    level = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    top, left = (max(0, (side - _SAMPLE_SIDE) // 2) for side in level.shape[:2])
    middle = level[top : top + _SAMPLE_SIDE, left : left + _SAMPLE_SIDE]
    return middle.astype(np.float32)


def activations(net: Net, pixels: Float32Array) -> dict[str, Float32Array]:
    """Return P-Net's activations to be stored in integers: after conv1's pool and conv2."""
    first = convolve(pixels, net["conv1"])
    height, width = (side // 2 for side in first.shape[:2])
    pooled = first[: 2 * height, : 2 * width].reshape(height, 2, width, 2, -1).max(axis=(1, 3))
    return {"conv1": pooled, "conv2": convolve(pooled, net["conv2"])}


def convolve(pixels: Float32Array, layer: Layer) -> Float32Array:
    side = layer.kernel.shape[0]
    windows = sliding_window_view(pixels, (side, side), axis=(0, 1))
    rows = windows.transpose(0, 1, 3, 4, 2).reshape(-1, layer.kernel[..., 0].size)
    sums = rows @ layer.kernel.reshape(rows.shape[1], -1) + layer.bias
    assert layer.slope is not None
    activated = np.where(sums < 0, sums * layer.slope, sums)
    return activated.reshape(*windows.shape[:2], -1)


if __name__ == "__main__":
    main()
