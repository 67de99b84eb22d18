"""Accuracy of detectors on labelled datasets: average precision and landmark errors."""
