"""AnnData out: obs are cell types, var are motifs."""

from typing import Any

import pandas as pd

from skepi.tf_activity._deviations import Deviations


def anndata_of(found: Deviations, cell_types: pd.DataFrame, motifs: pd.DataFrame) -> Any:
    """Put z in X, and bias-corrected deviations in a layer."""
    try:
        anndata = __import__("anndata")
    except ImportError as error:
        raise ImportError("anndata is not installed: pip install anndata") from error
    return anndata.AnnData(found.z, obs=cell_types, var=motifs, layers={"deviation": found.deviation})
