"""Models of cell types never seen."""

from skepi.gaussian_process._cis_trans import CisTransRegressor

__all__ = ["CisTransRegressor"]
