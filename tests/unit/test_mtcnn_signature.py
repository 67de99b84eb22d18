"""Which of a model's signatures is called, and how, given its metadata."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from facedetect import DetectionParams
from facedetect.backends import InferenceRequest
from facedetect.backends.mtcnn_signature import (
    FILES_FIRST,
    PIXELS_FIRST,
    ImageForm,
    choose_signature,
)
from facedetect.errors import BackendProtocolError, BackendUnavailable
from facedetect.model_ref import ModelRef
from facedetect.tfserving import serving_pb2 as pb

FLOAT, UINT8, STRING, INT = pb.DT_FLOAT, pb.DT_UINT8, pb.DT_STRING, pb.DT_INT32
Tensor = tuple[pb.DataType, list[int] | None]
PARAMETERS: dict[str, Tensor] = {
    "min_size": (FLOAT, []),
    "thresholds": (FLOAT, [3]),
    "factor": (FLOAT, []),
}
FACES: dict[str, Tensor] = {
    "prob": (FLOAT, [-1]),
    "landmarks": (FLOAT, [-1, 10]),
    "box": (FLOAT, [-1, 4]),
}
PIXELS: Tensor = (FLOAT, [-1, -1, 3])


def signature_of(inputs: dict[str, Tensor], outputs: dict[str, Tensor]) -> pb.SignatureDef:
    return pb.SignatureDef(inputs=infos(inputs), outputs=infos(outputs))


def infos(tensors: dict[str, Tensor]) -> dict[str, pb.TensorInfo]:
    return {name: pb.TensorInfo(dtype=t, tensor_shape=shape(s)) for name, (t, s) in tensors.items()}


def shape(sizes: list[int] | None) -> pb.TensorShapeProto:
    dims = [pb.TensorShapeProto.Dim(size=size) for size in sizes or []]
    return pb.TensorShapeProto(dim=dims, unknown_rank=sizes is None)


def batched(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: (dtype, [-1, *(sizes or [])]) for name, (dtype, sizes) in tensors.items()}


def ours() -> dict[str, pb.SignatureDef]:
    """The signatures that `facedetect convert` writes."""
    batch_outputs: dict[str, Tensor] = {"count": (INT, [-1]), **batched(FACES)}
    files: dict[str, Tensor] = {"image_bytes": (STRING, [-1])}
    return {
        "serving_default": signature_of({"input": PIXELS, **PARAMETERS}, FACES),
        "serving_uint8": signature_of({"input": (UINT8, [-1, -1, 3]), **PARAMETERS}, FACES),
        "serving_bytes": signature_of(files, batch_outputs),
        "serving_batch": signature_of({**files, **batched(PARAMETERS)}, batch_outputs),
    }


REQUEST = InferenceRequest(
    np.full((20, 30, 3), 7, np.uint8), DetectionParams(40, 0.5, (0.1, 0.2, 0.3))
)


@pytest.mark.parametrize(
    ("forms", "removed", "name"),
    [
        (PIXELS_FIRST, [], "serving_uint8"),
        (PIXELS_FIRST, ["serving_uint8"], "serving_default"),
        (PIXELS_FIRST, ["serving_uint8", "serving_default"], "serving_batch"),
        (FILES_FIRST, [], "serving_batch"),
        (FILES_FIRST, ["serving_batch"], "serving_uint8"),
        (FILES_FIRST, ["serving_batch", "serving_uint8"], "serving_default"),
    ],
)
def test_the_cheapest_signature_that_is_there_is_called(
    forms: tuple[ImageForm, ...], removed: list[str], name: str
) -> None:
    signatures = {key: value for key, value in ours().items() if key not in removed}
    assert choose_signature(signatures, forms, "m").name == name


def test_pixels_are_sent_as_they_are_declared() -> None:
    for name, dtype in (("serving_uint8", np.uint8), ("serving_default", np.float32)):
        chosen = choose_signature({name: ours()[name]}, PIXELS_FIRST, "m")
        sent = chosen.inputs(REQUEST)
        assert set(sent) == {"input", *PARAMETERS}
        assert sent["input"].dtype == dtype
        assert np.array_equal(sent["input"], REQUEST.image)
        assert sent["min_size"] == np.float32(40)
        assert sent["thresholds"].tolist() == pytest.approx([0.1, 0.2, 0.3])
        assert chosen.fetched == ("prob", "landmarks", "box")


def test_a_batch_is_one_file_and_its_faces_are_cut_to_their_count() -> None:
    chosen = choose_signature(ours(), FILES_FIRST, "m")
    sent = chosen.inputs(REQUEST)
    assert sent["image_bytes"].shape == (1,)
    assert sent["image_bytes"][0].startswith(b"\x89PNG")
    assert {name: sent[name].shape for name in PARAMETERS} == {
        "min_size": (1,),
        "thresholds": (1, 3),
        "factor": (1,),
    }
    answer = {
        "count": np.array([2], np.int32),
        "prob": np.zeros((1, 5), np.float32),
        "landmarks": np.zeros((1, 5, 10), np.float32),
        "box": np.zeros((1, 5, 4), np.float32),
    }
    assert chosen.read(answer, ModelRef("m")).box.shape == (2, 4)
    for name, wrong in (("prob", answer["prob"][0]), ("box", answer["box"][:0]), ("count", 2)):
        with pytest.raises(BackendProtocolError, match="answered one image with"):
            chosen.read({**answer, name: np.asarray(wrong, answer[name].dtype)}, ModelRef("m"))


def test_names_and_shapes_of_other_exporters_are_read() -> None:
    """As tf-mtcnn's README runs the graph: a function that returns three tensors."""
    image: dict[str, Tensor] = {"img": PIXELS, "min_size": (FLOAT, None)}
    outputs: dict[str, Tensor] = {
        "output_0": (FLOAT, None),
        "output_1": (FLOAT, [-1]),
        "output_2": (FLOAT, [-1, 10]),
    }
    chosen = choose_signature(
        {"serving_default": signature_of({**PARAMETERS, **image}, outputs)}, PIXELS_FIRST, "m"
    )
    assert chosen.image_input == "img"
    assert dict(chosen.outputs) == {"box": "output_0", "prob": "output_1", "landmarks": "output_2"}


def test_no_faces_have_the_right_shape_whatever_json_says() -> None:
    chosen = choose_signature(ours(), PIXELS_FIRST, "m")
    empty = np.zeros(0, np.float32)
    raw = chosen.read(dict.fromkeys(FACES, empty), ModelRef("m"))
    assert (raw.prob.shape, raw.landmarks.shape, raw.box.shape) == ((0,), (0, 10), (0, 4))
    with pytest.raises(BackendProtocolError, match="no float32 landmarks, box, prob"):
        chosen.read({"prob": np.zeros(0)}, ModelRef("m"))


HALF_PLUS_TWO = signature_of({"x": (FLOAT, [-1])}, {"y": (FLOAT, [-1])})


@pytest.mark.parametrize(
    ("signatures", "words"),
    [
        ({}, "it has no signature"),
        ({"serving_default": HALF_PLUS_TWO}, r"serving_default lacks an image input \(uint8 or"),
        ({"serving_default": HALF_PLUS_TWO}, r"min_size \(float32 \[\]\), the input thresholds"),
        ({"serving_default": HALF_PLUS_TWO}, r"the output box \(float32 \[\?, 4\]\)"),
        ({"serving_bytes": ours()["serving_bytes"]}, r"serving_bytes lacks the input min_size"),
        (
            {"s": signature_of({"input": (UINT8, [-1, -1, -1, 3]), **PARAMETERS}, FACES)},
            r"s lacks an image input \(uint8 or float32 \[\?, \?, 3\], or string \[\?\]\); `facede",
        ),
        (
            {
                "s": signature_of(
                    {"image_bytes": (STRING, [-1]), **batched(PARAMETERS)}, batched(FACES)
                )
            },
            r"s lacks the output count",
        ),
        (
            {
                "s": signature_of({"input": PIXELS, **PARAMETERS}, {**FACES, "box": (FLOAT, [4])}),
                "half": HALF_PLUS_TWO,
            },
            r"its signature s lacks the output box",
        ),
    ],
)
def test_what_is_missing_is_named_with_what_makes_it(
    signatures: dict[str, Any], words: str
) -> None:
    with pytest.raises(BackendUnavailable, match=words) as caught:
        choose_signature(signatures, PIXELS_FIRST, "model m version 1")
    assert str(caught.value).startswith("model m version 1 cannot detect faces: ")
    assert "`facedetect convert` builds a suitable model" in str(caught.value)
