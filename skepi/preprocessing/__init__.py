"""Steps between bins and models: log and z-score, the state of the cell beside them, and leaving the lazy form."""

from skepi.preprocessing._context import AppendContext
from skepi.preprocessing._log_z import LogZScaler
from skepi.preprocessing._materialize import Materialize

__all__ = ["AppendContext", "LogZScaler", "Materialize"]
