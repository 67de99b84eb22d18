"""Choose which signature of an MTCNN SavedModel to call, and how."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facedetect.backends.base import InferenceRequest, RawDetections
from facedetect.detection_params import DetectionParams
from facedetect.errors import BackendProtocolError, BackendUnavailable
from facedetect.images import BGRImage, encode_image
from facedetect.model_ref import ModelRef
from facedetect.tfserving.api import DEFAULT_SIGNATURE, Arrays
from facedetect.tfserving.serving_pb2 import DT_FLOAT, DT_STRING, DT_UINT8

Shape = tuple[int | None, ...]
"""The sizes of a tensor's dimensions, None for any size."""

# What a signature must have, with shapes by name.
_PARAMETERS: dict[str, Shape] = {"min_size": (), "thresholds": (3,), "factor": ()}
_OUTPUTS: dict[str, Shape] = {"prob": (None,), "landmarks": (None, 10), "box": (None, 4)}
_COUNT = "count"


class ImageForm(Enum):
    """How a signature accepts the image: pixels, or a batch of JPEG or PNG files."""

    UINT8 = DT_UINT8, (None, None, 3)
    FLOAT32 = DT_FLOAT, (None, None, 3)
    ENCODED_BATCH = DT_STRING, (None,)

    @property
    def is_batch(self) -> bool:
        """Whether parameters and outputs have a batch dimension, too."""
        return self is ImageForm.ENCODED_BATCH

    def encode(self, image: BGRImage) -> NDArray[Any]:
        """Return the tensor to send; a batch of one image is a PNG."""
        if self is ImageForm.ENCODED_BATCH:
            return np.array([encode_image(image, ".png")], object)
        return image if self is ImageForm.UINT8 else image.astype(np.float32)


PIXELS_FIRST = (ImageForm.UINT8, ImageForm.FLOAT32, ImageForm.ENCODED_BATCH)
"""The cheapest form for a decoded image first (docs/benchmark-serving.md)."""

FILES_FIRST = (ImageForm.ENCODED_BATCH, ImageForm.UINT8, ImageForm.FLOAT32)
"""For REST, whose JSON would spell out every value of every pixel."""


@dataclass(frozen=True)
class MtcnnSignature:
    """A signature of MTCNN: its name, its image input, and its outputs by their usual names."""

    name: str
    image_input: str
    form: ImageForm
    outputs: Mapping[str, str]

    @property
    def fetched(self) -> tuple[str, ...]:
        """The outputs to request."""
        return (*self.outputs.values(), *([_COUNT] if self.form.is_batch else []))

    def inputs(self, request: InferenceRequest) -> Arrays:
        """Return the tensors to send for one image."""
        parameters = _parameters(request.params)
        if self.form.is_batch:
            parameters = {name: value[np.newaxis] for name, value in parameters.items()}
        return {self.image_input: self.form.encode(request.image), **parameters}

    def read(self, answer: Arrays, model: ModelRef) -> RawDetections:
        """Read the answer for one image; raises BackendProtocolError if it is not MTCNN's."""
        missing = [name for name in self.fetched if name not in answer]
        wrong = [n for n in self.outputs.values() if n not in missing and answer[n].dtype != "f4"]
        if missing or wrong:
            raise BackendProtocolError(
                f"model {model.name} returned no float32 {', '.join(missing + wrong)}; "
                "is it an MTCNN model?"
            )
        tensors = {role: answer[name] for role, name in self.outputs.items()}
        if self.form.is_batch:
            tensors = _first_of_batch(tensors, answer[_COUNT], model)
        for role, array in tensors.items():
            if array.size == 0:  # an empty JSON list does not show the width of its rows
                tensors[role] = array.reshape(0, *_OUTPUTS[role][1:])
        return RawDetections(**tensors, model=model)


def choose_signature(
    signatures: Mapping[str, Any], preferred: Sequence[ImageForm], model: str
) -> MtcnnSignature:
    """Choose the signature whose form of the image comes first in `preferred`.

    `signatures` are SignatureDefs, ours or TensorFlow's. The image input may have any name; outputs
    with names other than prob, landmarks and box must be distinguishable by their shapes. Raises
    BackendUnavailable, which says what `model` lacks, if no signature is suitable.
    """
    lacks: dict[str, list[str]] = {}
    usable: list[MtcnnSignature] = []
    callable_names = (name for name in signatures if not name.startswith("__"))  # not TensorFlow's
    for name in sorted(callable_names, key=lambda name: (name != DEFAULT_SIGNATURE, name)):
        read = _read_signature(name, signatures[name])
        if isinstance(read, MtcnnSignature):
            usable.append(read)
        else:
            lacks[name] = read
    if usable:
        return min(usable, key=lambda signature: preferred.index(signature.form))
    nearest = min(lacks, key=lambda name: len(lacks[name]), default=None)
    problem = "it has no signature"
    if nearest is not None:
        problem = f"its signature {nearest} lacks {', '.join(lacks[nearest])}"
    raise BackendUnavailable(
        f"{model} cannot detect faces: {problem}; `facedetect convert` builds a suitable model "
        "from a frozen graph or a checkpoint of MTCNN"
    )


def _read_signature(name: str, signature: Any) -> MtcnnSignature | list[str]:
    """Return the signature, or what it lacks."""
    image_input, form = _image_input(signature)
    prefix = (None,) if form is not None and form.is_batch else ()
    lacks = _missing("input", signature.inputs, _PARAMETERS, prefix)
    outputs = _output_names(signature, prefix)
    if outputs is None:
        lacks += _missing("output", signature.outputs, _OUTPUTS, prefix)
    if prefix and _COUNT not in signature.outputs:
        lacks.append(f"the output {_COUNT} (int32 [?])")
    if form is None:
        lacks.insert(0, "an image input (uint8 or float32 [?, ?, 3], or string [?])")
    if form is None or outputs is None or lacks:
        return lacks
    return MtcnnSignature(name, image_input, form, outputs)


def _missing(
    kind: str, infos: Mapping[str, Any], shapes: Mapping[str, Shape], prefix: Shape
) -> list[str]:
    return [
        f"the {kind} {name} (float32 {_shown((*prefix, *shape))})"
        for name, shape in shapes.items()
        if not _is_compatible(infos.get(name), DT_FLOAT, (*prefix, *shape))
    ]


def _image_input(signature: Any) -> tuple[str, ImageForm | None]:
    """Return the one input that is not a parameter, and how it accepts the image."""
    others = {name: info for name, info in signature.inputs.items() if name not in _PARAMETERS}
    if len(others) != 1:
        return "", None
    ((name, info),) = others.items()
    return name, next((form for form in ImageForm if _is_compatible(info, *form.value)), None)


def _output_names(signature: Any, prefix: Shape) -> dict[str, str] | None:
    """Map the usual output names to actual ones, if their names or shapes allow only one way."""
    shapes = [(*prefix, *shape) for shape in _OUTPUTS.values()]

    def fits(names: Sequence[str]) -> bool:
        infos = [signature.outputs.get(name) for name in names]
        pairs = zip(infos, shapes, strict=True)
        return all(_is_compatible(info, DT_FLOAT, shape) for info, shape in pairs)

    if fits(list(_OUTPUTS)):
        return {name: name for name in _OUTPUTS}
    if len(signature.outputs) != len(_OUTPUTS):
        return None
    fitting = [names for names in permutations(sorted(signature.outputs)) if fits(names)]
    return dict(zip(_OUTPUTS, fitting[0], strict=True)) if len(fitting) == 1 else None


def _is_compatible(info: Any, dtype: int, shape: Shape) -> bool:
    """Return whether a TensorInfo is compatible with that type and shape."""
    if info is None or info.dtype != dtype:
        return False
    if info.tensor_shape.unknown_rank:
        return True
    sizes = [dim.size for dim in info.tensor_shape.dim]
    return len(sizes) == len(shape) and all(
        size == -1 or wanted is None or size == wanted
        for size, wanted in zip(sizes, shape, strict=True)
    )


def _shown(shape: Shape) -> str:
    return f"[{', '.join('?' if size is None else str(size) for size in shape)}]"


def _first_of_batch(
    tensors: dict[str, NDArray[Any]], counts: NDArray[Any], model: ModelRef
) -> dict[str, NDArray[Any]]:
    shapes = [array.shape for array in (*tensors.values(), counts)]
    if any(shape[:1] != (1,) for shape in shapes) or min(map(len, shapes[:-1])) < 2:  # noqa: PLR2004 - batch and faces
        raise BackendProtocolError(
            f"model {model.name} answered one image with prob, landmarks, box and count of shapes "
            f"{shapes}; is it an MTCNN model?"
        )
    return {role: array[0, : int(counts[0])] for role, array in tensors.items()}


def _parameters(params: DetectionParams) -> dict[str, NDArray[Any]]:
    return {name: np.array(getattr(params, name), np.float32) for name in _PARAMETERS}
