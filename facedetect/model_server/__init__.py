"""A model server for development: TensorFlow Serving's protocols and version handling in Python.

It is for machines without TensorFlow Serving's binary; production uses that. Messages, codes and
states are TensorFlow Serving's, so that clients notice no difference but speed.

Errors are TensorFlow's own (`tensorflow.errors.OpError`) up to the two protocols: they carry the
code that gRPC sends and that REST maps to a status.
"""

import facedetect.model  # noqa: F401 - TensorFlow without its noise, before the stubs import it
