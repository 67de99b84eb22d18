"""Call a SavedModel by its signatures without checks, as a server does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tensorflow.core.protobuf import config_pb2

from facedetect.model.session import open_session

ServedOutputs = dict[str, NDArray[Any]]


class ServedModel:
    def __init__(self, folder: Path) -> None:
        self._session: Any = open_session(tf.Graph())
        meta_graph = tf.compat.v1.saved_model.load(self._session, ["serve"], str(folder))
        self._signatures = meta_graph.signature_def
        self._callables: dict[tuple[str, tuple[str, ...]], Any] = {}

    def call(self, signature: str, **inputs: object) -> ServedOutputs:
        definition = self._signatures[signature]
        values = [
            np.asarray(value, tf.as_dtype(definition.inputs[name].dtype).as_numpy_dtype)
            for name, value in inputs.items()
        ]
        run = self._callable(signature, tuple(inputs))
        return dict(zip(definition.outputs, run(*values), strict=True))

    def _callable(self, signature: str, inputs: tuple[str, ...]) -> Any:
        """TensorFlow plans each one once, which takes most of a second."""
        if (signature, inputs) not in self._callables:
            definition = self._signatures[signature]
            options = config_pb2.CallableOptions(
                feed=[definition.inputs[name].name for name in inputs],
                fetch=[info.name for info in definition.outputs.values()],
            )
            # Not public, but the only way to skip Session.run's check of shapes, as a server does.
            run = self._session._make_callable_from_options(options)  # noqa: SLF001
            self._callables[signature, inputs] = run
        return self._callables[signature, inputs]

    def close(self) -> None:
        self._session.close()
