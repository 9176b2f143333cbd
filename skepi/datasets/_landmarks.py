"""Landmark and target genes that follow the same programs: simulated expression whose targets saturate."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.random import Generator
from numpy.typing import NDArray
from sklearn.utils import Bunch

from skepi._doors import check_count, check_number

FloatArray = NDArray[np.float64]

_LEVEL = 5.0


def make_landmark_expression(
    n_samples: int = 1_000,
    n_landmarks: int = 120,
    n_targets: int = 400,
    *,
    n_programs: int = 10,
    saturation: float = 2.0,
    landmark_noise_share: float = 0.3,
    target_noise_share: float = 0.2,
    random_state: int | None = 0,
) -> tuple[pd.DataFrame, Bunch]:
    r"""Simulate landmark genes that follow programs of genes in a straight line, and target genes that saturate.

    A sample has independent standard normal programs z. Expression of landmark l and of target t is

    .. math::
        x_l &= 5 + \sqrt{1 - q_L} \; a_l \cdot z + \sqrt{q_L} \; \varepsilon_l \\
        y_t &= 5 + \sqrt{1 - q_T} \; s(b_t \cdot z - \theta_t) + \sqrt{q_T} \; \varepsilon_t, \qquad
        s(u) \propto \tanh(k u)

    with loadings a and b of length 1, thresholds :math:`\theta` of SD .5, the shares of noise :math:`q_L` and
    :math:`q_T`, standard normal :math:`\varepsilon`, and k the ``saturation``. s is standardised over samples. With
    k = 0 it is the straight line, which ridge follows as well as any model can. The larger k, the more targets are
    switched on or off, and the more a linear model misses.

    Parameters
    ----------
    n_samples : int, default=1_000
    n_landmarks, n_targets : int, default=120 and 400
        No gene is both.
    n_programs : int, default=10
    saturation : float, default=2.0
        k, 0 or greater.
    landmark_noise_share, target_noise_share : float, default=0.3 and 0.2
        Share of noise in the variance of a gene, at least 0 and less than 1.
    random_state : int or None, default=0

    Returns
    -------
    expression : DataFrame of float64, genes x samples
        Log units; landmarks come first.
    truth : Bunch
        ``landmarks, targets`` (lists of names, as :func:`skepi.landmarks.landmark_tables` takes them), ``programs``
        (DataFrame, samples x programs), ``loadings`` (DataFrame, genes x programs), ``threshold`` (Series by target),
        ``signal`` (DataFrame like ``expression``, without noise: what a model that knew the programs would predict),
        ``shares`` (dict: noise in the variance of ``landmarks`` and of ``targets``).

    Raises
    ------
    ValueError
        For fewer than two samples and other settings outside their range.

    Examples
    --------
    >>> expression, truth = make_landmark_expression(n_samples=30, n_landmarks=5, n_targets=8)
    >>> expression.shape, truth.landmarks[:2], truth.targets[:2]
    ((13, 30), ['landmark0000', 'landmark0001'], ['target0000', 'target0001'])
    """
    shares = {"landmarks": landmark_noise_share, "targets": target_noise_share}
    _check(n_samples, n_landmarks, n_targets, n_programs, saturation, shares)
    rng = np.random.default_rng(random_state)
    landmarks, targets = _names("landmark", n_landmarks), _names("target", n_targets)
    genes, samples = landmarks + targets, [f"sample{i:05d}" for i in range(n_samples)]
    programs, loadings = rng.normal(size=(n_samples, n_programs)), _loadings(rng, len(genes), n_programs)
    threshold = 0.5 * rng.normal(size=n_targets)
    drive = loadings @ programs.T
    drive[n_landmarks:] = _saturated(drive[n_landmarks:] - threshold[:, None], saturation)
    share = np.repeat([shares["landmarks"], shares["targets"]], [n_landmarks, n_targets])[:, None]
    signal = _LEVEL + np.sqrt(1 - share) * drive
    noise = np.sqrt(share) * rng.normal(size=drive.shape)
    truth = Bunch(
        landmarks=landmarks,
        targets=targets,
        programs=pd.DataFrame(programs, samples),
        loadings=pd.DataFrame(loadings, genes),
        threshold=pd.Series(threshold, targets),
        signal=pd.DataFrame(signal, genes, samples),
        shares=shares,
    )
    return pd.DataFrame(signal + noise, genes, samples), truth


def _names(kind: str, n_genes: int) -> list[str]:
    return [f"{kind}{i:04d}" for i in range(n_genes)]


def _check(n_samples: Any, n_landmarks: Any, n_targets: Any, n_programs: Any, saturation: Any, shares: Any) -> None:
    check_count("n_samples", n_samples, 2)
    check_count("n_landmarks", n_landmarks, 1)
    check_count("n_targets", n_targets, 1)
    check_count("n_programs", n_programs, 1)
    check_number("saturation", saturation, 0)
    check_number("landmark_noise_share", shares["landmarks"], 0, 1)
    check_number("target_noise_share", shares["targets"], 0, 1)


def _loadings(rng: Generator, n_genes: int, n_programs: int) -> FloatArray:
    """Directions drawn evenly, of length 1."""
    loadings = rng.normal(size=(n_genes, n_programs))
    return loadings / np.linalg.norm(loadings, axis=1, keepdims=True)


def _saturated(drive: FloatArray, saturation: float) -> FloatArray:
    """Targets x samples, each with mean 0 and variance 1 over samples."""
    curve = np.tanh(saturation * drive) if saturation else drive
    return (curve - curve.mean(axis=1, keepdims=True)) / curve.std(axis=1, keepdims=True)
