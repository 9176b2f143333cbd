"""What part of the prediction earns the skill on unseen cell types, and what is left without matching genes?

Reads the folder of tables that is named (as for ``unseen_cell_types.py``), normalises expression once, over all cell
types, and holds one cell type out at a time. Prints what the parts of ``CisTransRegressor`` contribute to its skill,
and the skill of the control, in which genes have each other's places.
"""

import sys
import time
import warnings
from pathlib import Path

from unseen_cell_types import on_bands, read

from skepi.exceptions import DistantCellTypeWarning
from skepi.gaussian_process import CisTransRegressor
from skepi.inspection import cross_val_parts, part_contributions
from skepi.model_selection import LeaveOneCellTypeOut
from skepi.normalization import ExpressionNormalizer


def main(folder):
    warnings.simplefilter("ignore", DistantCellTypeWarning)  # the only one of its lineage is held out on purpose
    data = read(folder).transform_expression(ExpressionNormalizer("quantile", min_mean_cpm=1))
    X, y = data.pairs(return_X_y=True)
    start = time.perf_counter()
    parts = cross_val_parts(on_bands(CisTransRegressor()), X, y, LeaveOneCellTypeOut(), control=True)
    print(part_contributions(parts, by=None).round(3).to_string())
    print(part_contributions(parts, "cell_type")[["skill", "cis", "cell_state", "skill_control"]].round(2).to_string())
    print(f"{2 * parts['fold'].nunique()} fits {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("wanted the folder of tables: python parts.py FOLDER")
    main(Path(sys.argv[1]))
