"""Predict gene expression from chromatin openness around transcription start sites.

Every public name lives in a room, such as ``skepi.binning.TSSBinner``. The root offers the rooms and the everyday
names, and imports them when they are asked for. ``__init__.pyi`` says the same to type checkers and editors.
"""

from importlib import import_module as _import_module

__version__ = "0.1.0"

_ROOMS = (
    "baselines",
    "binning",
    "classification",
    "cli",
    "comparison",
    "compose",
    "datasets",
    "exceptions",
    "gaussian_process",
    "inspection",
    "intervals",
    "io",
    "landmarks",
    "linear_model",
    "metrics",
    "model_selection",
    "motifs",
    "neural_network",
    "normalization",
    "paired",
    "peaks",
    "persistence",
    "plotting",
    "preprocessing",
    "pseudobulk",
    "report",
    "rows",
    "sequence",
    "testing",
    "tf_activity",
)

#: The room of each everyday name.
_HOMES = {
    "CellTypeKFold": "model_selection",
    "ChromosomeKFold": "model_selection",
    "CisTransRegressor": "gaussian_process",
    "ExpressionMLP": "neural_network",
    "ExpressionNormalizer": "normalization",
    "GeneZTarget": "compose",
    "LassoBaseline": "linear_model",
    "LassoBaselineCV": "linear_model",
    "LineageKFold": "model_selection",
    "LogZScaler": "preprocessing",
    "PairedDataset": "paired",
    "TSSBinner": "binning",
    "TrainingMean": "baselines",
    "choose_tss": "io",
    "compare_models": "comparison",
    "consensus_peaks": "peaks",
    "cross_val_pairs": "model_selection",
    "fetch_hematopoiesis": "datasets",
    "gene_activity": "baselines",
    "importance_profile": "inspection",
    "load_model": "persistence",
    "make_paired_openness": "datasets",
    "match_genes": "io",
    "openness_over_peaks": "peaks",
    "pool": "paired",
    "read_gtf": "io",
    "read_matrix": "io",
    "read_narrowpeaks": "peaks",
    "read_peaks": "io",
    "save_model": "persistence",
    "score_links": "inspection",
    "summarize": "metrics",
    "symmetric_edges": "binning",
}

__all__ = ["__version__", *_ROOMS, *_HOMES]


def __getattr__(name):  # PEP 562: called for what the module does not hold yet
    if name in _ROOMS:
        return _import_module(f"{__name__}.{name}")
    if name in _HOMES:
        globals()[name] = found = getattr(_import_module(f"{__name__}.{_HOMES[name]}"), name)
        return found
    raise AttributeError(_unknown(name), name=name)  # without obj, or Python would add a guess of its own


def __dir__():
    return sorted(__all__)


def _unknown(name):
    message = f"skepi has no attribute {name!r}"
    if name.startswith("_"):  # asked by machines
        return message
    from difflib import get_close_matches

    as_written = {offered.lower(): offered for offered in __all__}
    nearest = [as_written[close] for close in get_close_matches(name.lower(), as_written, n=1)]
    return f"{message}; did you mean {nearest[0]!r}?" if nearest else f"{message}; dir(skepi) lists what it offers"
