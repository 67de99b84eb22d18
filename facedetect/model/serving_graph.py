"""The graph of the SavedModel: four signatures around one cascade.

The cascade, with its guards, is one function. An encoded image is decoded to uint8 and cast to
float32 on its way in; the signatures for uint8 and float32 images feed the tensors behind the
decoder and behind the cast. The batched signature calls the same function for each image.
"""

from __future__ import annotations

from collections.abc import Mapping

import tensorflow as tf

from facedetect.model.guards import WorkLimits, check_batch, check_call, check_encoded
from facedetect.model.loops import in_graph_control_flow
from facedetect.model.signatures import FLOAT, SIGNATURES, Signature

TensorNames = Mapping[str, str]

_FUNCTION = "mtcnn"
_PARALLEL_IMAGES = 2

# Which tensor is fed or fetched for each name of a signature.
_SINGLE = {"min_size": "min_size", "thresholds": "thresholds", "factor": "factor"}
_FOUND = {"prob": "prob", "landmarks": "landmarks", "box": "box"}
TENSORS: dict[str, dict[str, str]] = {
    "serving_default": {"input": "image_float", **_SINGLE, **_FOUND},
    "serving_uint8": {"input": "image_uint8", **_SINGLE, **_FOUND},
    "serving_bytes": {"image_bytes": "image_bytes", **_SINGLE, **_FOUND},
    "serving_batch": {
        name: f"batch/{name}"
        for name in [*SIGNATURES["serving_batch"].inputs, *SIGNATURES["serving_batch"].outputs]
    },
}


class GuardedCascade:
    """A frozen MTCNN graph as a guarded function; the graph it is called in holds it once."""

    def __init__(
        self,
        graph_def: tf.compat.v1.GraphDef,
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

        unchecked = [tf.TensorSpec(None, tf.float32)] * len(FLOAT.inputs)
        self._function = tf.compat.v1.wrap_function(run, unchecked)
        self._output_names = list(output_names)

    def __call__(self, image: tf.Tensor, *parameters: tf.Tensor) -> dict[str, tf.Tensor]:
        """Call it on one float32 image; returns the outputs by name."""
        return dict(zip(self._output_names, self._function(image, *parameters), strict=True))


def build_serving_graph(
    graph_def: tf.compat.v1.GraphDef,
    input_names: TensorNames,
    output_names: TensorNames,
    limits: WorkLimits,
) -> tf.compat.v1.GraphDef:
    """Build the graph whose tensors TENSORS names, around the given cascade."""
    with in_graph_control_flow(), tf.Graph().as_default() as graph:
        cascade = GuardedCascade(graph_def, input_names, output_names, limits)
        _build_single(cascade, limits)
        with tf.name_scope("batch"):
            _build_batch(cascade, limits)
    return _with_stable_names(graph.as_graph_def())


def _build_single(cascade: GuardedCascade, limits: WorkLimits) -> None:
    placeholder = tf.compat.v1.placeholder
    image_bytes = placeholder(tf.string, None, "image_bytes")
    parameters = [placeholder(tf.float32, None, name) for name in _SINGLE]
    image_uint8 = tf.identity(_decode(image_bytes, limits), "image_uint8")
    image_float = tf.identity(tf.cast(image_uint8, tf.float32), "image_float")
    for name, tensor in cascade(image_float, *parameters).items():
        tf.identity(tensor, name)


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
        image = tf.cast(_decode(image_bytes[index], limits), tf.float32)
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
    """Name functions for themselves instead of for a counter of the whole process."""
    functions = graph_def.library.function
    names = {function.signature.name: _FUNCTION for function in functions}
    assert len(names) == 1, f"one cascade, not {len(names)}"
    del graph_def.library.gradient[:]
    for function in functions:
        function.signature.name = names[function.signature.name]
    for node in graph_def.node:
        for attribute in node.attr.values():
            if attribute.func.name in names:
                attribute.func.name = names[attribute.func.name]
    return graph_def


def signature_def(name: str, signature: Signature) -> tf.compat.v1.SignatureDef:
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
