"""How large the replication is: the report's own size, and smaller ones."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Size:
    """What is simulated and what is fitted.

    ``genes`` and ``cell_types`` are of the simulated data; ``blood_chromosomes`` those of the blood data that are used
    (all if empty). ``lams`` (Lasso), ``l1s``, ``l2s`` and ``rates`` (of dropout) are the grids: at full size the
    report's, with four more lambdas where the best ones lie.
    """

    genes: int
    cell_types: int
    flank_bp: int
    hidden: tuple[int, ...]
    narrowing: tuple[int, ...]
    batch_size: int
    max_epochs: int
    patience: int
    permutations: int
    lams: tuple[float, ...]
    l1s: tuple[float, ...]
    l2s: tuple[float, ...]
    rates: tuple[float, ...]
    blood_chromosomes: tuple[str, ...] = field(default=())

    @property
    def corrupted(self) -> int:
        """Column of the corrupted cell type, at the place of the report's: 91 of 201."""
        return self.cell_types * 91 // 201


REPORT_LAMS = tuple(10.0**k for k in range(2, -7, -1))

SIZES = {
    "tiny": Size(
        genes=60,
        cell_types=12,
        flank_bp=20_000,
        hidden=(16, 16),
        narrowing=(16, 8),
        batch_size=100,
        max_epochs=4,
        patience=4,
        permutations=19,
        lams=(1e-1, 1e-2, 1e-3),
        l1s=(1e-3,),
        l2s=(1e-3,),
        rates=(0.2, 0.8),
        blood_chromosomes=("chr21",),
    ),
    "reduced": Size(
        genes=600,
        cell_types=60,
        flank_bp=200_000,
        hidden=(200, 200, 200),
        narrowing=(200, 100, 50),
        batch_size=2_000,
        max_epochs=60,
        patience=15,
        permutations=19,
        lams=(1.0, 1e-1, 3e-2, 1e-2, 5e-3, 2e-3, 1e-3, 1e-4, 1e-5, 1e-6),
        l1s=(1e-2, 1e-3, 1e-4),
        l2s=(1e-1, 1e-2, 1e-3),
        rates=(0.1, 0.2, 0.4, 0.6, 0.8),
        blood_chromosomes=("chr1", "chr19"),
    ),
    "full": Size(
        genes=17_794,
        cell_types=201,
        flank_bp=1_000_000,
        hidden=(1000, 1000, 1000),
        narrowing=(1000, 500, 250),
        batch_size=10_000,
        max_epochs=150,
        patience=150,
        permutations=39,
        lams=(*REPORT_LAMS, 5e-2, 2e-2, 5e-3, 2e-3),
        l1s=REPORT_LAMS,
        l2s=REPORT_LAMS,
        rates=tuple(round(0.2 + 0.05 * k, 2) for k in range(13)),
    ),
}
