"""Steps between bins and models: log and z-score, and leaving the lazy form."""

from skepi.preprocessing._log_z import LogZScaler
from skepi.preprocessing._materialize import Materialize

__all__ = ["LogZScaler", "Materialize"]
