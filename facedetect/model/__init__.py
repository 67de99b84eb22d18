"""From weights to a SavedModel. Importing it imports TensorFlow, without its startup messages."""

from facedetect.model.tensorflow_import import import_tensorflow

tensorflow = import_tensorflow()
