"""Which distances from the TSS the model uses, against what chance gives."""

import pandas as pd

from skepi.inspection import ImportanceProfile
from skepi.plotting import ImportanceDisplay
from skepi.report._blocks import (
    Columns,
    Figure,
    Section,
    Table,
    Text,
    in_one_unit,
    not_run,
    place,
    significant,
    table_of,
    yes_no,
)
from skepi.report._figures import figure_of

_CALL = 'importance = importance_profile(model, *data.pairs(return_X_y=True), CellTypeKFold(), method="permutation")'


def importance_section(profile: ImportanceProfile | None) -> Section:
    """Return the profile with its null band."""
    name, title = "importance", "Importance of distances"
    if profile is None:
        return not_run(name, title, _CALL)
    said = (
        f"Importance is measured as: {profile.unit} (method: {profile.method}). It says what the model that "
        "importance_profile was given uses, not what regulates the gene."
    )
    return Section(name, title, [Text(said), Text(_said_of_null(profile)), _drawn(profile), _bands(profile)])


def _said_of_null(profile: ImportanceProfile) -> str:
    if "beyond" not in profile.table:
        return "No null band was made (n_permutations=0), so importance cannot be told from noise."
    n_beyond, n = int(profile.table["beyond"].sum()), len(profile.table)
    return (
        f"{n_beyond} of {n} bands lie outside the null band. It comes from {len(profile.null)} fits to permuted cell "
        "types and holds for all bands at once."
    )


def _drawn(profile: ImportanceProfile) -> Figure:
    alt = "Importance by offset from the TSS; the null band is shaded, and bands outside it are orange."
    return figure_of(lambda: ImportanceDisplay.from_profile(profile), alt, "Importance along the distance to the TSS.")


def _bands(profile: ImportanceProfile) -> Table:
    """Return the bands farthest from what chance gives first."""
    table = profile.table
    order = (table["importance"] - table.get("null_mean", 0.0)).abs().sort_values(ascending=False, kind="stable").index
    table = table.loc[order].assign(band=[_band(row) for row in table.loc[order].to_dict("records")])
    write = in_one_unit(table["importance"])
    columns: Columns = {
        "band": ("band", place),
        "importance": ("importance", write),
        "null_low": ("null, low", write),
        "null_high": ("null, high", write),
        "p_value": ("p (all bands)", significant),
        "beyond": ("beyond the null", yes_no),
    }
    return table_of(table, "Bands, the farthest from chance first", columns, most=15)


def _band(row: dict[str, object]) -> str:
    of = " ".join(str(row[name]) for name in ("signal", "feature") if row.get(name))
    place = f"{_kb(row['from_bp'])} to {_kb(row['to_bp'])} kb"
    return f"{of}, {place}" if of else place


def _kb(bp: object) -> str:
    return significant(float(pd.to_numeric(bp)) / 1_000)
