"""A development model server: TensorFlow Serving's protocols and version handling in Python.

It is for machines without TensorFlow Serving's binary; use that in production. Messages, codes and
states are TensorFlow Serving's, so that clients notice no difference except speed.

Below the two protocols, errors are TensorFlow's own (`tensorflow.errors.OpError`): they carry the
code that gRPC sends and REST maps to a status.
"""

import facedetect.model  # noqa: F401 - imports TensorFlow quietly, before the stubs do
