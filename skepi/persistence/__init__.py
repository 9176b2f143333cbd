"""Fitted models on disk: arrays and a description of their structure, never pickle."""

from skepi.persistence._classes import FittedPart
from skepi.persistence._model_file import load_model, read_model_info, save_model

__all__ = ["FittedPart", "load_model", "read_model_info", "save_model"]
