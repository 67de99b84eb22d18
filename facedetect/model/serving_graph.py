"""The graph of the SavedModel: four signatures around one cascade.

The cascade, with its guards, is a function of a uint8 image. An encoded image is decoded on its
way in; the signature for uint8 images feeds the tensor behind the decoder, and the batched one
calls the function for each image. Only float32 images have the cascade in a function of their own.
"""

from __future__ import annotations

from collections.abc import Mapping

import tensorflow as tf

from facedetect.model.guards import WorkLimits, check_batch, check_call, check_encoded
from facedetect.model.loops import in_graph_control_flow
from facedetect.model.signatures import FLOAT, SIGNATURES, SignatureSpec
from facedetect.model.uint8_input import with_uint8_input

TensorNames = Mapping[str, str]

_PARALLEL_IMAGES = 2

# Which tensor is fed or fetched for each name of a signature.
_SINGLE = {"min_size": "min_size", "thresholds": "thresholds", "factor": "factor"}
_FOUND = {"prob": "prob", "landmarks": "landmarks", "box": "box"}
TENSORS: dict[str, dict[str, str]] = {
    "serving_default": {
        "input": "image_float",
        **_SINGLE,
        **{name: f"float/{name}" for name in _FOUND},
    },
    "serving_uint8": {"input": "image_uint8", **_SINGLE, **_FOUND},
    "serving_bytes": {"image_bytes": "image_bytes", **_SINGLE, **_FOUND},
    "serving_batch": {
        name: f"batch/{name}"
        for name in [*SIGNATURES["serving_batch"].inputs, *SIGNATURES["serving_batch"].outputs]
    },
}


class GuardedCascade:
    """A frozen MTCNN graph as a guarded function; the graph it is called in holds it once.

    `image_type` is what the graph's input is, float32 or uint8.
    """

    def __init__(
        self,
        graph_def: tf.compat.v1.GraphDef,
        image_type: tf.DType,
        input_names: TensorNames,
        output_names: TensorNames,
        limits: WorkLimits,
    ) -> None:
        def run(image: tf.Tensor, *parameters: tf.Tensor) -> list[tf.Tensor]:
            checked = {}
            with tf.control_dependencies(check_call(image, parameters, limits)):
                for key, tensor in zip(FLOAT.inputs, (image, *parameters), strict=True):
                    checked[key] = tf.identity(tensor)
                    checked[key].set_shape(FLOAT.inputs[key].shape)
            found = tf.graph_util.import_graph_def(
                graph_def,
                input_map={name: checked[key] for key, name in input_names.items()},
                return_elements=list(output_names.values()),
                name="graph",
            )
            specs = (FLOAT.outputs[key] for key in output_names)
            return [
                tf.ensure_shape(tensor, spec.shape)
                for tensor, spec in zip(found, specs, strict=True)
            ]

        types = [image_type] + [tf.float32] * len(_SINGLE)
        unchecked = [tf.TensorSpec(None, dtype) for dtype in types]
        self._function = tf.compat.v1.wrap_function(run, unchecked)
        self._output_names = list(output_names)

    def __call__(self, image: tf.Tensor, *parameters: tf.Tensor) -> dict[str, tf.Tensor]:
        """Call it on one image; returns the outputs by name."""
        return dict(zip(self._output_names, self._function(image, *parameters), strict=True))


def build_serving_graph(
    graph_def: tf.compat.v1.GraphDef,
    input_names: TensorNames,
    output_names: TensorNames,
    limits: WorkLimits,
) -> tf.compat.v1.GraphDef:
    """Build the graph whose tensors TENSORS names, around the given cascade."""
    with in_graph_control_flow(), tf.Graph().as_default() as graph:
        names = input_names, output_names
        uint8_graph = with_uint8_input(graph_def, input_names["input"])
        on_uint8 = GuardedCascade(uint8_graph, tf.uint8, *names, limits)
        on_float = GuardedCascade(graph_def, tf.float32, *names, limits)
        _build_single(on_uint8, on_float, limits)
        with tf.name_scope("batch"):
            _build_batch(on_uint8, limits)
    return _with_stable_names(graph.as_graph_def())


def _build_single(on_uint8: GuardedCascade, on_float: GuardedCascade, limits: WorkLimits) -> None:
    placeholder = tf.compat.v1.placeholder
    image_bytes = placeholder(tf.string, None, "image_bytes")
    image_float = placeholder(tf.float32, None, "image_float")
    parameters = [placeholder(tf.float32, None, name) for name in _SINGLE]
    image_uint8 = tf.identity(_decode(image_bytes, limits), "image_uint8")
    for name, tensor in on_uint8(image_uint8, *parameters).items():
        tf.identity(tensor, name)
    for name, tensor in on_float(image_float, *parameters).items():
        tf.identity(tensor, f"float/{name}")


def _build_batch(cascade: GuardedCascade, limits: WorkLimits) -> None:
    """Loop over the images; pad what was found to the most faces that one of them has."""
    placeholder = tf.compat.v1.placeholder
    signature = SIGNATURES["serving_batch"]
    inputs = {name: placeholder(spec.dtype, None, name) for name, spec in signature.inputs.items()}
    with tf.control_dependencies(check_batch(inputs, limits)):
        image_bytes, min_size, thresholds, factor = map(tf.identity, inputs.values())
    size = tf.size(image_bytes)

    def detect(
        index: tf.Tensor, counts: tf.TensorArray, rows: tf.TensorArray
    ) -> tuple[tf.Tensor, tf.TensorArray, tf.TensorArray]:
        image = _decode(image_bytes[index], limits)
        found = cascade(image, min_size[index], thresholds[index], factor[index])
        columns = [found["prob"][:, tf.newaxis], found["landmarks"], found["box"]]
        count = tf.size(found["prob"])
        return index + 1, counts.write(index, count), rows.write(index, tf.concat(columns, axis=1))

    counts = tf.TensorArray(tf.int32, size, element_shape=[])
    rows = tf.TensorArray(tf.float32, size, infer_shape=False, element_shape=[None, 15])
    _, counts, rows = tf.compat.v1.while_loop(
        lambda index, *_: index < size,
        detect,
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


def _decode(image_bytes: tf.Tensor, limits: WorkLimits) -> tf.Tensor:
    """A JPEG or PNG as uint8 [H, W, 3] BGR, the pixels that OpenCV and Pillow give."""
    with tf.control_dependencies([check_encoded(image_bytes, limits)]):
        # Despite its name this operation knows PNG, too.
        rgb = tf.io.decode_jpeg(image_bytes, channels=3, dct_method="INTEGER_ACCURATE")
    return tf.reverse(rgb, axis=[2])


def _with_stable_names(graph_def: tf.compat.v1.GraphDef) -> tf.compat.v1.GraphDef:
    """Name functions for what they take instead of for a counter of the whole process."""
    functions = graph_def.library.function
    names = {}
    for function in functions:
        image_type = tf.as_dtype(function.signature.input_arg[0].type)
        names[function.signature.name] = f"mtcnn_{image_type.name}"
    assert len(set(names.values())) == len(functions), "one cascade a type of image"
    del graph_def.library.gradient[:]
    for function in functions:
        function.signature.name = names[function.signature.name]
    for node in graph_def.node:
        for attribute in node.attr.values():
            if attribute.func.name in names:
                attribute.func.name = names[attribute.func.name]
    functions.sort(key=lambda function: function.signature.name)
    return graph_def


def signature_def(name: str, signature: SignatureSpec) -> tf.compat.v1.SignatureDef:
    """What a client is told: the same for every source, however much its graph says by itself."""
    saved_model = tf.compat.v1.saved_model

    def infos(specs: Mapping[str, tf.TensorSpec]) -> dict[str, tf.compat.v1.TensorInfo]:
        return {
            key: tf.compat.v1.TensorInfo(
                name=f"{TENSORS[name][key]}:0",
                dtype=spec.dtype.as_datatype_enum,
                tensor_shape=spec.shape.as_proto(),
            )
            for key, spec in specs.items()
        }

    return saved_model.build_signature_def(
        infos(signature.inputs),
        infos(signature.outputs),
        saved_model.signature_constants.PREDICT_METHOD_NAME,
    )
