"""One version of a model in memory: a TensorFlow session and the signatures to call it by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tensorflow_serving.apis import prediction_log_pb2

from facedetect.model import tensorflow as tf
from facedetect.model.session import open_session
from facedetect.model_server.refusals import failed_precondition, invalid_argument
from facedetect.model_server.tensors import read_inputs

Arrays = Mapping[str, NDArray[Any]]

DEFAULT_SIGNATURE = "serving_default"

_WARMUP_RECORDS = Path("assets.extra/tf_serving_warmup_requests")


class LoadedModel:
    """A SavedModel ready to answer. Thread-safe."""

    def __init__(self, folder: Path) -> None:
        """Load the SavedModel in `folder` and run its warm-up records.

        Raises what TensorFlow raises: OpError, OSError, RuntimeError, ValueError and others.
        """
        self._session = open_session(tf.Graph())
        try:
            meta_graph = tf.compat.v1.saved_model.load(self._session, ["serve"], str(folder))
            self.signatures = dict(meta_graph.signature_def)
            self._warm_up(folder / _WARMUP_RECORDS)
        except BaseException:
            self.close()
            raise

    def signature(self, name: str) -> Any:
        """The SignatureDef of that name; raises FailedPreconditionError."""
        if name not in self.signatures:
            raise failed_precondition(f'Serving signature key "{name}" not found.')
        return self.signatures[name]

    def run(
        self,
        signature_name: str,
        inputs: Arrays,
        output_filter: Sequence[str] = (),
        timeout_s: float | None = None,
    ) -> dict[str, NDArray[Any]]:
        """Run a signature, for all its outputs or those of `output_filter`.

        The arrays have the types that the signature says. Raises OpError's subclasses:
        InvalidArgumentError, FailedPreconditionError, DeadlineExceededError, the graph's own.
        """
        signature = self.signature(signature_name)
        _check_names(inputs, signature.inputs)
        infos = _chosen(signature.outputs, output_filter)
        feeds = {signature.inputs[name].name: array for name, array in inputs.items()}
        fetches = {name: info.name for name, info in infos.items()}
        found = self._run(fetches, feeds, _run_options(timeout_s))
        return {
            name: np.asarray(found[name], tf.as_dtype(info.dtype).as_numpy_dtype)
            for name, info in infos.items()
        }

    def close(self) -> None:
        """Free the session; runs under way end with CancelledError."""
        self._session.close()

    def _run(self, fetches: dict[str, str], feeds: dict[str, Any], options: Any) -> dict[str, Any]:
        try:
            return dict(self._session.run(fetches, feeds, options=options))
        except (TypeError, ValueError) as error:  # Python's look at shapes, before the graph's own
            raise invalid_argument(str(error)) from error
        except RuntimeError as error:
            raise tf.errors.CancelledError(None, None, "the session has been closed") from error

    def _warm_up(self, records: Path) -> None:
        """Run the records as they would come from a client; one that fails is an error."""
        if not records.is_file():
            return
        for record in tf.compat.v1.io.tf_record_iterator(str(records)):
            log = prediction_log_pb2.PredictionLog.FromString(record)
            kind = log.WhichOneof("log_type")
            if kind != "predict_log":
                raise tf.errors.UnimplementedError(
                    None, None, f"{records} holds a {kind}; only predict_log is run"
                )
            request = log.predict_log.request
            name = request.model_spec.signature_name or DEFAULT_SIGNATURE
            inputs = read_inputs(request.inputs, self.signature(name).inputs)
            self.run(name, inputs, request.output_filter)


def _check_names(sent: Mapping[str, Any], known: Mapping[str, Any]) -> None:
    extra, missing = sorted(set(sent) - set(known)), sorted(set(known) - set(sent))
    if extra or missing:
        raise invalid_argument(
            f"input size does not match signature: {len(sent)}!={len(known)} "
            f"len({{{','.join(sorted(sent))}}}) != len({{{','.join(sorted(known))}}}). "
            f"Sent extra: {{{','.join(extra)}}}. Missing but required: {{{','.join(missing)}}}."
        )


def _chosen(outputs: Mapping[str, Any], output_filter: Sequence[str]) -> dict[str, Any]:
    for name in output_filter:
        if name not in outputs:
            raise invalid_argument(
                f"output tensor alias not found in signature: {name} Outputs expected to be in "
                f"the set {{{','.join(sorted(outputs))}}}."
            )
        if list(output_filter).count(name) > 1:
            raise invalid_argument(f"duplicate output tensor alias: {name}")
    return {name: outputs[name] for name in output_filter or sorted(outputs)}


def _run_options(timeout_s: float | None) -> Any:
    if timeout_s is None:
        return None
    left_ms = int(timeout_s * 1000)
    if left_ms <= 0:  # which TensorFlow would take for no limit
        raise tf.errors.DeadlineExceededError(None, None, "the deadline had passed before the run")
    return tf.compat.v1.RunOptions(timeout_in_ms=left_ms)
