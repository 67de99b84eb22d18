"""The model in TensorFlow Serving, over gRPC or REST."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from facedetect.backends.base import InferenceRequest, RawDetections, guard_message
from facedetect.backends.mtcnn_signature import ImageForm, MtcnnSignature, choose_signature
from facedetect.errors import (
    BackendError,
    BackendProtocolError,
    BackendTimeout,
    BackendUnavailable,
    FacedetectError,
    InvalidParams,
    ModelNotFound,
    copy_error,
)
from facedetect.model_ref import ModelRef
from facedetect.tfserving.api import Prediction, ServingClient, ServingError
from facedetect.tfserving.serving_pb2 import Code, ModelVersionStatus

_STATES = {number: name for name, number in ModelVersionStatus.State.items()}

# For callers without a deadline, so that no call hangs forever.
_LONGEST_CALL_S = 300.0
_STATUS_TIMEOUT_S = 3.0


class ServingBackend:
    """Runs a model in TensorFlow Serving; `address` names the server in errors.

    It fetches each version's signatures once, and calls the one whose image form comes first in
    `forms`.
    """

    instruction_set = None

    def __init__(
        self, client: ServingClient, model: ModelRef, *, address: str, forms: Sequence[ImageForm]
    ) -> None:
        self._client = client
        self._model = model
        self._address = address
        self._forms = forms
        # Keyed by model with version; and the version that last answered each requested model.
        self._signatures: dict[ModelRef, MtcnnSignature] = {}
        self._answering: dict[ModelRef, ModelRef] = {}

    def predict(self, request: InferenceRequest) -> RawDetections:
        model = request.model.or_default(self._model)
        with self._errors_translated(model):
            signature = self._known_signature(model) or self._ask(model, _timeout_s(request))
            try:
                prediction = self._call(model, signature, request)
            except ServingError as error:
                if not _may_be_other_signature(error):
                    raise
                # A version with other signatures may have replaced it.
                known, signature = signature, self._ask(model, _timeout_s(request))
                if signature == known:
                    raise
                prediction = self._call(model, signature, request)
        exact = ModelRef(model.name, prediction.version)
        if prediction.version is not None:
            self._answering[model] = exact
        return signature.read(prediction.outputs, exact)

    def _call(
        self, model: ModelRef, signature: MtcnnSignature, request: InferenceRequest
    ) -> Prediction:
        return self._client.predict(
            model,
            signature.inputs(request),
            timeout_s=_timeout_s(request),
            signature=signature.name,
            outputs=signature.fetched,
        )

    def _known_signature(self, model: ModelRef) -> MtcnnSignature | None:
        return self._signatures.get(self._answering.get(model, model))

    def _ask(self, model: ModelRef, timeout_s: float) -> MtcnnSignature:
        """Fetch the signatures of the version that would answer; raises BackendUnavailable."""
        metadata = self._client.metadata(model, timeout_s=timeout_s)
        exact = ModelRef(model.name, metadata.version)
        self._signatures.pop(exact, None)
        signature = choose_signature(metadata.signatures, self._forms, f"model {exact}")
        self._signatures[exact], self._answering[model] = signature, exact
        return signature

    def check_ready(self) -> ModelRef:
        try:
            return self._available_version()
        except (BackendTimeout, BackendProtocolError) as error:
            raise copy_error(error, BackendUnavailable) from error

    def _available_version(self) -> ModelRef:
        model = self._model
        with self._errors_translated(model):
            if model.label is not None:  # GetModelStatus does not resolve labels
                self._ask(model, _STATUS_TIMEOUT_S)
                return self._answering[model]
            statuses = self._client.status(model, timeout_s=_STATUS_TIMEOUT_S)
            for status in statuses:
                if status.state == ModelVersionStatus.AVAILABLE:
                    exact = ModelRef(model.name, status.version)
                    if exact not in self._signatures:
                        self._ask(exact, _STATUS_TIMEOUT_S)
                    return exact
        states = ", ".join(f"version {s.version} is {_STATES.get(s.state)}" for s in statuses)
        error = BackendUnavailable(f"no version of {model.name} is AVAILABLE: {states}")
        messages = "; ".join(status.status.error_message for status in statuses)
        error.add_note(f"{self._address} answered {messages}")
        raise error

    def close(self) -> None:
        self._client.close()

    @contextmanager
    def _errors_translated(self, model: ModelRef) -> Iterator[None]:
        try:
            yield
        except ServingError as error:
            raise self._translate(error, model) from error

    def _translate(self, error: ServingError, model: ModelRef) -> FacedetectError:
        guard = guard_message(str(error)) if error.code == Code.INVALID_ARGUMENT else None
        if guard is not None:
            return InvalidParams(guard)
        translated: BackendError
        if _is_missing(error):
            translated = ModelNotFound(f"the model server does not serve {model}")
        else:
            kind, message = _ERRORS.get(error.code, (BackendProtocolError, "failed"))
            translated = kind(f"the model server {message}")
        translated.add_note(f"{self._address} answered {error}")
        return translated


_ERRORS: dict[int, tuple[type[BackendError], str]] = {
    Code.DEADLINE_EXCEEDED: (BackendTimeout, "did not answer before the deadline"),
    Code.UNAVAILABLE: (BackendUnavailable, "cannot be reached"),
    Code.RESOURCE_EXHAUSTED: (BackendUnavailable, "is overloaded"),
    Code.UNAUTHENTICATED: (BackendUnavailable, "does not accept this client's certificate"),
    Code.PERMISSION_DENIED: (BackendUnavailable, "denies this client access"),
    Code.CANCELLED: (BackendUnavailable, "cancelled the call"),
}


def _timeout_s(request: InferenceRequest) -> float:
    return request.seconds_left() or _LONGEST_CALL_S


def _is_missing(error: ServingError) -> bool:
    """Return whether the model is missing; an unknown label is an INVALID_ARGUMENT there."""
    is_label = error.code == Code.INVALID_ARGUMENT and "version label" in str(error)
    return error.code == Code.NOT_FOUND or is_label


def _may_be_other_signature(error: ServingError) -> bool:
    """Return whether the server may have rejected the signature's name, inputs or outputs."""
    is_refused = error.code in {Code.FAILED_PRECONDITION, Code.INVALID_ARGUMENT}
    return is_refused and guard_message(str(error)) is None and not _is_missing(error)
