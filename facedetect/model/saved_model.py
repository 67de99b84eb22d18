"""Run the signatures of a SavedModel in a TensorFlow session."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from facedetect.model.session import Threads, open_session


class SavedModel:
    """A loaded SavedModel. Thread-safe.

    Errors are TensorFlow's own (`tf.errors.OpError`), with TensorFlow Serving's codes and messages.
    """

    def __init__(self, session: Any, signatures: dict[str, Any]) -> None:
        self._session = session
        self.signatures = signatures

    def signature(self, name: str) -> Any:
        """Return a SignatureDef; raises FailedPreconditionError for an unknown name."""
        if name not in self.signatures:
            message = f'Serving signature key "{name}" not found.'
            raise tf.errors.FailedPreconditionError(None, None, message)
        return self.signatures[name]

    def run(
        self,
        signature_name: str,
        inputs: Mapping[str, Any],
        outputs: Sequence[str] = (),
        timeout_s: float | None = None,
    ) -> dict[str, NDArray[Any]]:
        """Run a signature for the given outputs, by default all of them.

        Inputs with a default in the signature may be omitted.

        Raises FailedPreconditionError for an unknown signature, InvalidArgumentError for wrong
        names or shapes, DeadlineExceededError after `timeout_s`, CancelledError once closed, and
        whatever the graph itself raises.
        """
        signature = self.signature(signature_name)
        values = _with_defaults(inputs, signature)
        infos = _select_outputs(signature.outputs, outputs)
        feeds = {signature.inputs[name].name: value for name, value in values.items()}
        fetches = {name: info.name for name, info in infos.items()}
        arrays = self._run_session(fetches, feeds, timeout_s)
        return {
            name: np.asarray(arrays[name], tf.as_dtype(info.dtype).as_numpy_dtype)
            for name, info in infos.items()
        }

    def close(self) -> None:
        """Free the session; calls in progress fail with CancelledError."""
        self._session.close()

    def _run_session(
        self, fetches: dict[str, str], feeds: dict[str, Any], timeout_s: float | None
    ) -> dict[str, Any]:
        try:
            return dict(self._session.run(fetches, feeds, options=_run_options(timeout_s)))
        except (TypeError, ValueError) as error:  # from Session.run's shape checks
            raise tf.errors.InvalidArgumentError(None, None, str(error)) from error
        except RuntimeError as error:
            raise tf.errors.CancelledError(None, None, "the session is closed") from error


def load_saved_model(folder: Path, threads: Threads | None = None) -> SavedModel:
    """Load the SavedModel in `folder`, which contains one version.

    Raises whatever TensorFlow raises: OpError, OSError, RuntimeError, ValueError and more.
    """
    session = open_session(tf.Graph(), threads)
    try:
        meta_graph = tf.compat.v1.saved_model.load(session, ["serve"], str(folder))
    except BaseException:
        session.close()
        raise
    return SavedModel(session, dict(meta_graph.signature_def))


def _with_defaults(sent: Mapping[str, Any], signature: Any) -> dict[str, Any]:
    known, defaults = signature.inputs, signature.defaults
    if len(sent) > len(known) or (len(sent) < len(known) and not defaults):
        raise _wrong_size(sent, known)
    values = {name: tf.make_ndarray(value) for name, value in defaults.items()} | dict(sent)
    for name, info in known.items():
        if name not in values:
            message = (
                f"Signature input alias: {name}(feed name: {info.name}) not found in request and "
                f"no default value provided. Inputs expected to be in the request "
                f"{{{','.join(sorted(sent))}}}, or default input alias set: "
                f"{','.join(sorted(defaults))}"
            )
            raise tf.errors.InvalidArgumentError(None, None, message)
    if set(values) - set(known):
        message = (
            f"Inputs contains invalid name. Used request inputs: "
            f"{', '.join(sorted(set(sent) & set(known)))}, request input: {', '.join(sorted(sent))}"
        )
        raise tf.errors.InvalidArgumentError(None, None, message)
    return values


def _wrong_size(sent: Mapping[str, Any], known: Mapping[str, Any]) -> Exception:
    extra, missing = sorted(set(sent) - set(known)), sorted(set(known) - set(sent))
    message = (
        f"input size does not match signature: {len(sent)}!={len(known)} "
        f"len({{{','.join(sorted(sent))}}}) != len({{{','.join(sorted(known))}}}). "
        f"Sent extra: {{{','.join(extra)}}}. Missing but required: {{{','.join(missing)}}}."
    )
    error: Exception = tf.errors.InvalidArgumentError(None, None, message)
    return error


def _select_outputs(known: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    for name in names:
        if name not in known:
            message = (
                f"output tensor alias not found in signature: {name} Outputs expected to be in "
                f"the set {{{','.join(sorted(known))}}}."
            )
            raise tf.errors.InvalidArgumentError(None, None, message)
        if list(names).count(name) > 1:
            message = f"duplicate output tensor alias: {name}"
            raise tf.errors.InvalidArgumentError(None, None, message)
    return {name: known[name] for name in names or sorted(known)}


def _run_options(timeout_s: float | None) -> Any:
    if timeout_s is None:
        return None
    timeout_ms = int(timeout_s * 1000)
    if timeout_ms <= 0:  # for TensorFlow 0 means no timeout
        message = "the deadline passed before the model could start"
        raise tf.errors.DeadlineExceededError(None, None, message)
    return tf.compat.v1.RunOptions(timeout_in_ms=timeout_ms)
