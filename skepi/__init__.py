"""Predict gene expression from chromatin openness around transcription start sites."""

__version__ = "0.1.0"
