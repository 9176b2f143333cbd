"""Paired openness and expression tables, and the (gene, cell type) pairs made from them."""

from skepi.paired._check_tables import check_tables
from skepi.paired._data_checks import DataChecks
from skepi.paired._dataset import PairedDataset
from skepi.paired._pairs import GeneCellPairs
from skepi.paired._pool import pool
from skepi.paired._tables import MITOCHONDRIAL, OpennessTables

__all__ = ["MITOCHONDRIAL", "DataChecks", "GeneCellPairs", "OpennessTables", "PairedDataset", "check_tables", "pool"]
