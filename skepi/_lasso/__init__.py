"""The engine of every Lasso: moments of rows, exact weights, paths of penalties, and their errors on held-out rows."""

from skepi._lasso._fold_rows import LazyRows, PlainRows, mask_of
from skepi._lasso._gene_paths import PATH_TOL, greatest_lam, lasso_of_gene, varies
from skepi._lasso._linear import Linear, linear_prediction
from skepi._lasso._log_scale import scaled_prediction
from skepi._lasso._moments import Moments, TrainingSet, moments_of_array, moments_of_pairs
from skepi._lasso._path_cv import (
    CrossValidatedPath,
    best_penalty,
    scores_of_path,
    skill_of_sums,
    training_sets,
    without_rounding,
)
from skepi._lasso._solve import Solution, check_solver, checked_lams, solve_path

__all__ = [
    "PATH_TOL",
    "CrossValidatedPath",
    "LazyRows",
    "Linear",
    "Moments",
    "PlainRows",
    "Solution",
    "TrainingSet",
    "best_penalty",
    "check_solver",
    "checked_lams",
    "greatest_lam",
    "lasso_of_gene",
    "linear_prediction",
    "mask_of",
    "moments_of_array",
    "moments_of_pairs",
    "scaled_prediction",
    "scores_of_path",
    "skill_of_sums",
    "solve_path",
    "training_sets",
    "varies",
    "without_rounding",
]
