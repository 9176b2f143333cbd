"""Where and why a model errs, and which bins matter: tables, nothing drawn."""

from skepi.inspection._attention import bin_attention, signal_attention
from skepi.inspection._attribution import attributions
from skepi.inspection._bootstrap import bootstrap_scores
from skepi.inspection._calibration import calibration
from skepi.inspection._concentration import error_concentration, removal_curve
from skepi.inspection._distribution import distribution_summary, value_histogram, value_summary
from skepi.inspection._error_groups import error_by, open_bin_counts
from skepi.inspection._gene_links import score_links
from skepi.inspection._held_out_parts import cross_val_parts
from skepi.inspection._importance import bin_importance, importance_unit
from skepi.inspection._influence import cell_type_influence
from skepi.inspection._link_correlation import correlate_links
from skepi.inspection._link_enrichment import link_enrichment
from skepi.inspection._links import bin_track, peak_gene_links, peak_scores
from skepi.inspection._mutagenesis import mutagenesis
from skepi.inspection._outliers import cell_type_components, cell_type_outliers
from skepi.inspection._parts import part_contributions
from skepi.inspection._profile import ImportanceProfile, importance_profile

__all__ = [
    "ImportanceProfile",
    "attributions",
    "bin_attention",
    "bin_importance",
    "bin_track",
    "bootstrap_scores",
    "calibration",
    "cell_type_components",
    "cell_type_influence",
    "cell_type_outliers",
    "correlate_links",
    "cross_val_parts",
    "distribution_summary",
    "error_by",
    "error_concentration",
    "importance_profile",
    "importance_unit",
    "link_enrichment",
    "mutagenesis",
    "open_bin_counts",
    "part_contributions",
    "peak_gene_links",
    "peak_scores",
    "removal_curve",
    "score_links",
    "signal_attention",
    "value_histogram",
    "value_summary",
]
