"""Pack weights into the layouts that the kernels read; see kernels.h."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from facedetect.arrays import Float32Array
from facedetect.engine.screening import MARGINS, PNET_ACTIVATIONS, ActivationRanges, is_calibrated
from facedetect.mtcnn.weights import (
    POINTS,
    Layer,
    Net,
    Weights,
    block_diagonal,
    concat_outputs,
)

# As in kernels.h.
BLOCK = 16

_KERNEL_RANK = 4

_WINOGRAD_SIDE = 3

# Winograd's transform of kernels for F(3, 3), from its points 0, 1, -1, -1/2 and infinity: each row
# evaluates a polynomial, divided by the products that interpolation will divide by.
_WINOGRAD_POINTS = np.array([0, 1, -1, -0.5])
_WINOGRAD_KERNEL = np.array(
    [
        np.power(point, range(_WINOGRAD_SIDE))
        / np.prod(point - _WINOGRAD_POINTS[point != _WINOGRAD_POINTS])
        for point in _WINOGRAD_POINTS
    ]
    + [[0, 0, 1]]
)


@dataclass(frozen=True)
class Element:
    """How a screening net's values are stored.

    Values lie in low..high, weights in -weight_limit..weight_limit; one instruction multiplies
    `group` of them. A pixel is stored as pixel * pixel_scale + low.
    """

    low: int
    high: int
    weight_limit: int
    weight_type: type[np.signedinteger[Any]]
    group: int
    pixel_scale: int = 1

    @property
    def steps(self) -> int:
        return self.high - self.low


ELEMENTS = {
    "uint8": Element(0, 255, 127, np.int8, 4),
    "int8": Element(-128, 127, 127, np.int8, 4),
    # 12 bits, so that the sum of a layer's products fits into 32 bits.
    "int16": Element(0, 4095, 2047, np.int16, 2, pixel_scale=16),
}


@dataclass
class PackedNets:
    """Arrays by name, and each layer's sizes: side, inputs, outputs."""

    arrays: dict[str, NDArray[Any]] = field(default_factory=dict)
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)

    def add(self, name: str, layer: Layer) -> None:
        """Add a layer in float32."""
        kernel = layer.kernel
        if kernel.ndim < _KERNEL_RANK:
            kernel = kernel[np.newaxis, np.newaxis]
        side, _, inputs, outputs = kernel.shape
        self._add(name, layer, _by_block(kernel.reshape(-1, outputs)))
        self.shapes[name] = (side, inputs, _blocks(outputs) * BLOCK, 0)

    def add_winograd(self, name: str, layer: Layer) -> None:
        """Add a 3x3 convolution in float32 for Winograd's algorithm."""
        kernel = np.einsum("iy,jx,yxco->ijco", _WINOGRAD_KERNEL, _WINOGRAD_KERNEL, layer.kernel)
        side, _, inputs, outputs = layer.kernel.shape
        values = kernel.reshape(-1, inputs, outputs)
        self._add(name, layer, np.stack([_by_block(value) for value in values]))
        self.shapes[name] = (side, inputs, _blocks(outputs) * BLOCK, 1)

    def _add(self, name: str, layer: Layer, weights: Float32Array) -> None:
        self.arrays[f"{name}/weights"] = weights
        self.arrays[f"{name}/bias"] = pad(layer.bias)
        if layer.slope is not None:
            self.arrays[f"{name}/slope"] = pad(layer.slope)


def pack(weights: Weights, element: str) -> PackedNets:
    """Pack all nets; also pack P-Net in integers if it is calibrated and `element` in ELEMENTS."""
    packed = PackedNets()
    _add_pnet(packed, weights.pnet)
    _add_crop_net(packed, "rnet", weights.rnet, ["conv1", "conv2", "conv3"], ["face", "box"])
    convolutions = ["conv1", "conv2", "conv3", "conv4"]
    _add_crop_net(packed, "onet", weights.onet, convolutions, ["face", "box", "landmarks"])
    if weights.lnet is not None:
        _add_landmark_net(packed, weights.lnet)
    if element in ELEMENTS and is_calibrated(weights.pnet):
        _add_screening(packed, weights.pnet, element)
    return packed


def pad(values: NDArray[np.floating[Any]]) -> Float32Array:
    """Fill the last block with zeros."""
    return np.pad(values, (0, -values.size % BLOCK)).astype(np.float32)


def _add_pnet(packed: PackedNets, net: Net) -> None:
    packed.add("pnet/conv1", net["conv1"])
    packed.add("pnet/conv2", net["conv2"])
    packed.add("pnet/conv3", net["conv3"])
    packed.add("pnet/heads", concat_outputs(net["face"], net["box"]))


def _add_crop_net(
    packed: PackedNets, name: str, net: Net, convolutions: list[str], heads: list[str]
) -> None:
    for layer in convolutions:
        _add_convolution(packed, f"{name}/{layer}", net[layer])
    packed.add(f"{name}/dense", net["dense"])
    packed.add(f"{name}/heads", concat_outputs(*(net[head] for head in heads)))


def _add_convolution(packed: PackedNets, name: str, layer: Layer) -> None:
    """Use Winograd's algorithm where its transforms take little beside the products."""
    side, _, inputs, _ = layer.kernel.shape
    add = packed.add_winograd if side == _WINOGRAD_SIDE and inputs >= BLOCK else packed.add
    add(name, layer)


def _add_landmark_net(packed: PackedNets, net: Net) -> None:
    for layer in ("conv1", "conv2", "conv3"):
        for point in POINTS:
            _add_convolution(packed, f"lnet/{layer}_{point}", net[f"{layer}_{point}"])
    packed.add("lnet/dense", net["dense"])
    packed.add("lnet/points", concat_outputs(*(net[f"dense_{point}"] for point in POINTS)))
    packed.add("lnet/positions", block_diagonal([net[f"point_{point}"] for point in POINTS]))


def _add_screening(packed: PackedNets, net: Net, element_name: str) -> None:
    element = ELEMENTS[element_name]
    pixels = Quantisation(float(element.pixel_scale), float(element.low))
    first, second = (store_range(PNET_ACTIVATIONS[name], element) for name in ("conv1", "conv2"))
    _add_screening_layer(packed, "screening/conv1", net["conv1"], element, pixels, first)
    _add_screening_layer(packed, "screening/conv2", net["conv2"], element, first, second)
    _add_screening_layer(packed, "screening/conv3", net["conv3"], element, second, None)
    packed.arrays["screening/head/weights"] = pad(net["face"].kernel[:, 0])
    packed.arrays["screening/head/bias"] = net["face"].bias
    packed.arrays["screening/margin"] = np.array([MARGINS[element_name]], np.float32)


class Quantisation(NamedTuple):
    """How values become integers: round(x * scale + zero), per channel."""

    scale: Any
    zero: Any


def store_range(values: ActivationRanges, element: Element) -> Quantisation:
    """Spread each channel's range over all steps of the element."""
    low, high = np.array(values, np.float64).T
    scale = element.steps / (high - low)
    return Quantisation(scale, element.low - low * scale)


def _add_screening_layer(
    packed: PackedNets,
    name: str,
    layer: Layer,
    element: Element,
    given: Quantisation,
    result: Quantisation | None,
) -> None:
    """Add a 3x3 convolution in integers; without a `result` quantisation, results stay float32.

    The weights undo the scales of their inputs, the bias undoes their zeros.
    """
    if layer.slope is None:
        raise ValueError(f"{name} has no PReLU")
    channels = layer.kernel.shape[2]
    kernel, scale = _quantise(layer.kernel / np.reshape(given.scale, (-1, 1)), element)
    zeros = np.broadcast_to(given.zero, channels)
    shift = np.einsum("yxio,i->o", kernel, zeros) * scale
    has_pixels = np.ndim(given.zero) == 0
    stride = channels if has_pixels else -(-channels // element.group) * element.group
    packed.arrays[f"{name}/weights"] = _by_group(kernel, element, stride)
    packed.arrays[f"{name}/scale"] = pad(scale)
    packed.arrays[f"{name}/bias"] = pad(layer.bias - shift)
    packed.arrays[f"{name}/slope"] = pad(layer.slope)
    if result is not None:
        packed.arrays[f"{name}/out_scale"] = pad(result.scale)
        packed.arrays[f"{name}/out_zero"] = pad(result.zero)
    packed.shapes[name] = (stride, -(-3 * stride // element.group))


def _quantise(
    kernel: NDArray[np.float64], element: Element
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return integer weights and, for each output, the value of one step."""
    limit = element.weight_limit
    steps = np.abs(kernel).max(axis=(0, 1, 2)) / limit
    return round_kernel(kernel / steps).clip(-limit, limit), steps


def round_kernel(kernel: NDArray[np.float64]) -> NDArray[np.int64]:
    """Round a kernel [y, x, in, out] so that the errors for each pair of channels cancel.

    Neighbouring pixels are alike, so the sum of their weights' errors matters most.
    """
    rounded: NDArray[np.float64] = np.rint(kernel)
    errors = (rounded - kernel).reshape(-1, *kernel.shape[2:])
    excess = np.rint(errors.sum(axis=0))
    rank = errors.argsort(axis=0).argsort(axis=0)
    rounded += ((rank < -excess) - 1.0 * (rank >= len(errors) - excess)).reshape(kernel.shape)
    return rounded.astype(np.int64)


def _by_group(kernel: NDArray[np.int64], element: Element, stride: int) -> NDArray[Any]:
    """[3, 3, in, out] -> [blocks, 3, groups, BLOCK, group], each row of a window padded."""
    side, _, channels, outputs = kernel.shape
    blocks = _blocks(outputs)
    padded = np.zeros((side, side, stride, blocks * BLOCK), np.int64)
    padded[:, :, :channels, :outputs] = kernel
    rows = padded.reshape(side, side * stride, -1)
    rows = np.pad(rows, [(0, 0), (0, -rows.shape[1] % element.group), (0, 0)])
    groups = rows.reshape(side, -1, element.group, blocks, BLOCK)
    return np.ascontiguousarray(groups.transpose(3, 0, 1, 4, 2), dtype=element.weight_type)


def _by_block(rows: NDArray[np.floating[Any]]) -> Float32Array:
    """[n, outputs] -> [blocks, n, BLOCK]."""
    padded = np.pad(rows, [(0, 0), (0, -rows.shape[1] % BLOCK)])
    blocks = padded.reshape(rows.shape[0], -1, BLOCK)
    return np.ascontiguousarray(blocks.transpose(1, 0, 2), np.float32)


def _blocks(outputs: int) -> int:
    return -(-outputs // BLOCK)
