"""From the weights to a SavedModel. Importing it imports TensorFlow, without its noise."""

from facedetect.model.quiet import import_tensorflow_quietly

tensorflow = import_tensorflow_quietly()
