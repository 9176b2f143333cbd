"""Which transcription factors are active in which cell types, as the openness of peaks with their motifs tells."""

from skepi.tf_activity._motif_deviations import MotifDeviations, motif_deviations
from skepi.tf_activity._top_motifs import top_motifs

__all__ = ["MotifDeviations", "motif_deviations", "top_motifs"]
