"""Rules about what was learned: parts with their control, importance with its null band, links."""

import pandas as pd

from skepi.report._blocks import number, significant
from skepi.report._findings import Findings
from skepi.report._parts_section import pooled_parts
from skepi.report._rules import Verdict, careful, trust

#: Share of the skill that the control may keep before local openness counts as not needed.
MOST_CONTROL_SHARE = 0.9


def parts_have_no_control(found: Findings) -> Verdict | None:
    """Careful where parts were measured without genes at each other's places."""
    if found.parts is None or "y_pred_control" in found.parts:
        return None
    return careful("Parts say what the model used, not what it needed: no control was run (control=True).")


def own_surroundings_add_little(found: Findings) -> Verdict | None:
    """Careful where the control keeps more than .9 of the skill, else trust; quiet without control or skill."""
    if found.parts is None:
        return None
    pooled = pooled_parts(found.parts)
    skill, control = float(pooled["skill"]), float(pooled["skill_control"])
    if pd.isna(control) or skill <= 0:
        return None
    said = f"with genes at each other's places skill is {number(control)}, in place of {number(skill)}"
    if control > MOST_CONTROL_SHARE * skill:
        return careful(
            f"The model hardly needs to know which peaks lie near which gene: {said}. Read nothing into single peaks."
        )
    return trust(f"The surroundings of the gene itself matter: {said}.")


def importance_has_no_null(found: Findings) -> Verdict | None:
    """Careful where the profile has no null band."""
    if found.importance is None or "beyond" in found.importance.table:
        return None
    return careful(
        "Importance has no null band, so it cannot be told from noise (n_permutations=19 or more makes one)."
    )


def importance_is_noise(found: Findings) -> Verdict | None:
    """Careful where no band lies outside the null band, else trust with the bands farthest out."""
    if found.importance is None or "beyond" not in found.importance.table:
        return None
    table = found.importance.table
    beyond = table[table["beyond"]]
    if beyond.empty:
        return careful("No distance from the TSS is more important than chance makes it.")
    ends = [significant(float(bp) / 1_000) for bp in (beyond["from_bp"].min(), beyond["to_bp"].max())]
    return trust(
        f"{len(beyond)} of {len(table)} bands of distance matter more than chance makes them. They lie between "
        f"{ends[0]} and {ends[1]} kb from the TSS (downstream positive)."
    )


def links_are_candidates(found: Findings) -> Verdict | None:
    """Careful where links are shown: nothing on the page has judged them."""
    if found.links is None:
        return None
    return careful(
        "Links are candidates. Nothing on this page has tested them; link_enrichment compares them with measured "
        "contacts."
    )


RULES_OF_PARTS = (
    parts_have_no_control,
    own_surroundings_add_little,
    importance_has_no_null,
    importance_is_noise,
    links_are_candidates,
)
