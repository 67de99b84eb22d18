"""The graph of the SavedModel: four signatures around one cascade.

The cascade and its guards are a function of a uint8 image. `serving_uint8` calls it, and
`serving_batch` decodes images and calls it for each. `serving_bytes` is the same part of the graph
without fed parameters. Only float32 images have a separate function.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import tensorflow as tf

from facedetect.model.guards import WorkLimits, check_batch, check_call, check_encoded
from facedetect.model.loops import in_graph_control_flow
from facedetect.model.signatures import DEFAULTS, FLOAT, PARAMETERS
from facedetect.model.uint8_input import with_uint8_input

Detect = Callable[..., dict[str, tf.Tensor]]

_PARALLEL_IMAGES = 2


@dataclass(frozen=True)
class SourceGraph:
    """A frozen MTCNN graph, and its names of the inputs and outputs of `serving_default`."""

    graph_def: tf.compat.v1.GraphDef
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]


def build_serving_graph(source: SourceGraph, limits: WorkLimits) -> tf.compat.v1.GraphDef:
    """Build the graph with the tensors of `signatures.SIGNATURES`."""
    uint8_graph = with_uint8_input(source.graph_def, source.inputs["input"])
    with in_graph_control_flow(), tf.Graph().as_default() as graph:
        detect_uint8 = _guarded(replace(source, graph_def=uint8_graph), tf.uint8, limits)
        detect_float = _guarded(source, tf.float32, limits)
        _build_single(detect_uint8, detect_float)
        with tf.name_scope("batch"):
            _build_batch(detect_uint8, limits)
    return _with_stable_names(graph.as_graph_def())


def _guarded(source: SourceGraph, image_type: tf.DType, limits: WorkLimits) -> Detect:
    """Return the source as a function of an image and parameters that are checked first.

    The calling graph contains it once. The function returns the outputs by name.
    """

    def run(image: tf.Tensor, *parameters: tf.Tensor) -> list[tf.Tensor]:
        with tf.control_dependencies(check_call(image, parameters, limits)):
            checked = [tf.identity(tensor) for tensor in (image, *parameters)]
        for tensor, spec in zip(checked, FLOAT.inputs.values(), strict=True):
            tensor.set_shape(spec.shape)
        found = tf.graph_util.import_graph_def(
            source.graph_def,
            input_map=dict(zip(source.inputs.values(), checked, strict=True)),
            return_elements=list(source.outputs.values()),
            name="graph",
        )
        specs = FLOAT.outputs.values()
        return [
            tf.ensure_shape(tensor, spec.shape) for tensor, spec in zip(found, specs, strict=True)
        ]

    types = [image_type, *(spec.dtype for spec in PARAMETERS.values())]
    function = tf.compat.v1.wrap_function(run, [tf.TensorSpec(None, dtype) for dtype in types])
    return lambda *inputs: dict(zip(source.outputs, function(*inputs), strict=True))


def _build_single(detect_uint8: Detect, detect_float: Detect) -> None:
    placeholder = tf.compat.v1.placeholder
    image_uint8 = placeholder(tf.uint8, None, "image_uint8")
    image_float = placeholder(tf.float32, None, "image_float")
    parameters = [placeholder(spec.dtype, None, name) for name, spec in PARAMETERS.items()]
    for name, tensor in detect_uint8(image_uint8, *parameters).items():
        tf.identity(tensor, name)
    for name, tensor in detect_float(image_float, *parameters).items():
        tf.identity(tensor, f"float/{name}")


def _build_batch(detect: Detect, limits: WorkLimits) -> None:
    """Loop over the images; pad each image's faces to the largest count among them."""
    inputs = _batch_inputs()
    with tf.control_dependencies(check_batch(inputs, limits)):
        image_bytes, min_size, thresholds, factor = map(tf.identity, inputs.values())
    size = tf.size(image_bytes)

    def detect_next(
        index: tf.Tensor, counts: tf.TensorArray, rows: tf.TensorArray
    ) -> tuple[tf.Tensor, tf.TensorArray, tf.TensorArray]:
        image = _decode(image_bytes[index], limits)
        found = detect(image, min_size[index], thresholds[index], factor[index])
        columns = [found["prob"][:, tf.newaxis], found["landmarks"], found["box"]]
        count = tf.size(found["prob"])
        return index + 1, counts.write(index, count), rows.write(index, tf.concat(columns, axis=1))

    counts = tf.TensorArray(tf.int32, size, element_shape=[])
    rows = tf.TensorArray(tf.float32, size, infer_shape=False, element_shape=[None, 15])
    _, counts, rows = tf.compat.v1.while_loop(
        lambda index, *_: index < size,
        detect_next,
        (tf.constant(0), counts, rows),
        parallel_iterations=_PARALLEL_IMAGES,
        back_prop=False,
    )
    count = counts.stack()
    most = tf.reduce_max(tf.concat([count, [0]], axis=0))
    places = tf.where(tf.sequence_mask(count, most))
    shape = tf.cast(tf.stack([size, most, 15]), tf.int64)
    padded = tf.scatter_nd(places, tf.reshape(rows.concat(), [-1, 15]), shape)
    tf.identity(count, "count")
    tf.identity(padded[..., 0], "prob")
    tf.identity(padded[..., 1:11], "landmarks")
    tf.identity(padded[..., 11:], "box")


def _batch_inputs() -> dict[str, tf.Tensor]:
    """Create a batch's placeholders; parameters that are not fed default for each image."""
    image_bytes = tf.compat.v1.placeholder(tf.string, None, "image_bytes")
    inputs = {"image_bytes": image_bytes}
    for name, value in DEFAULTS.items():
        default = tf.constant(value, PARAMETERS[name].dtype)
        rows = tf.broadcast_to(default, tf.concat([[tf.size(image_bytes)], default.shape], axis=0))
        inputs[name] = tf.compat.v1.placeholder_with_default(rows, None, name)
    return inputs


def _decode(image_bytes: tf.Tensor, limits: WorkLimits) -> tf.Tensor:
    """JPEG or PNG -> uint8 [H, W, 3] BGR, with the pixels that OpenCV and Pillow decode."""
    with tf.control_dependencies([check_encoded(image_bytes, limits)]):
        # Despite its name, this op also decodes PNG.
        rgb = tf.io.decode_jpeg(image_bytes, channels=3, dct_method="INTEGER_ACCURATE")
    return tf.reverse(rgb, axis=[2])


def _with_stable_names(graph_def: tf.compat.v1.GraphDef) -> tf.compat.v1.GraphDef:
    """Name functions after their image type: TensorFlow's names contain a process-wide counter."""
    functions = graph_def.library.function
    names = {}
    for function in functions:
        image_type = tf.as_dtype(function.signature.input_arg[0].type)
        names[function.signature.name] = f"mtcnn_{image_type.name}"
        function.signature.name = names[function.signature.name]
    assert len(set(names.values())) == len(functions), "one function for each image type"
    for node in graph_def.node:
        for attribute in node.attr.values():
            if attribute.func.name in names:
                attribute.func.name = names[attribute.func.name]
    functions.sort(key=lambda function: function.signature.name)
    del graph_def.library.gradient[:]
    return graph_def
