"""A SavedModel that TensorFlow runs in-process."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from facedetect.backends.base import InferenceRequest, RawDetections, guard_message
from facedetect.backends.in_process import InProcessBackend
from facedetect.backends.mtcnn_signature import PIXELS_FIRST, MtcnnSignature, choose_signature
from facedetect.errors import (
    BackendProtocolError,
    InvalidParams,
    unfinished_error,
)
from facedetect.memory import give_back_freed
from facedetect.model_ref import ModelRef

if TYPE_CHECKING:
    from facedetect.model.saved_model import SavedModel
    from facedetect.model.session import Threads


def saved_model_backend(
    folder: Path,
    *,
    version: int | None = None,
    intra_op_threads: int = 1,
    inter_op_threads: int | None = None,
) -> InProcessBackend:
    """Return a backend for one version of the SavedModel in `folder`, by default the latest.

    The first call loads the model and warms it up. `intra_op_threads` and `inter_op_threads` are
    TensorFlow's (see `model.session.Threads`): by default 1 and one per core.
    """

    def load() -> _LoadedSavedModel:
        from facedetect.model.graph_files import version_folder
        from facedetect.model.session import Threads

        threads = Threads(intra_op_threads, inter_op_threads)
        return _load(version_folder(folder, version), threads)

    return InProcessBackend(str(folder), load)


@dataclass(frozen=True)
class _LoadedSavedModel:
    """A SavedModel in memory, the signature to call, and its ModelRef."""

    saved_model: SavedModel
    signature: MtcnnSignature
    ref: ModelRef
    instruction_set: None = None

    def run(self, request: InferenceRequest) -> RawDetections:
        from facedetect.model import tensorflow as tf

        signature = self.signature
        try:
            found = self.saved_model.run(
                signature.name, signature.inputs(request), signature.fetched, request.seconds_left()
            )
        except tf.errors.DeadlineExceededError as error:
            raise unfinished_error() from error
        except tf.errors.OpError as error:
            refused = guard_message(error.message)
            if refused is not None:
                raise InvalidParams(refused) from error
            raise BackendProtocolError(f"the model failed: {error.message}") from error
        return signature.read(found, self.ref)

    def close(self) -> None:
        self.saved_model.close()


def _load(place: Path, threads: Threads) -> _LoadedSavedModel:
    from facedetect.model.saved_model import load_saved_model

    with ExitStack() as stack:
        saved_model = load_saved_model(place, threads)
        stack.callback(saved_model.close)
        signature = choose_signature(
            saved_model.signatures, PIXELS_FIRST, f"the SavedModel {place}"
        )
        number = int(place.name) if place.name.isdecimal() else None
        ref = ModelRef(place.absolute().parent.name, number)
        model = _LoadedSavedModel(saved_model, signature, ref)
        _warm_up(model)
        give_back_freed()  # some 40 MB
        stack.pop_all()
    return model


def _warm_up(model: _LoadedSavedModel) -> None:
    from facedetect.model.guards import WorkLimits
    from facedetect.model.warmup import warmup_calls

    for image, params in warmup_calls(WorkLimits()):
        with suppress(InvalidParams):  # the model's own limits may be lower
            model.run(InferenceRequest(image, params))
