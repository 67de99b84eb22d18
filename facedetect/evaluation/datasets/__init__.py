"""Labelled pictures from the layouts they come in."""

from facedetect.evaluation.datasets.opening import Kind, open_truth

__all__ = ["Kind", "open_truth"]
