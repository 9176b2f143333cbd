"""Valid tables, changed at random: each door gives an error that says something, or what a slow reading finds too.

A case is a door and a seed. The seed draws one or two mutations from ``MUTATIONS``, and the message of a failure names
both. The slow readings know nothing of skepi: they go through rows and cells in plain Python, and stop (``Unreadable``)
at what has no one meaning, so that a door that takes such a table fails too.
"""

import time
import warnings
from collections.abc import Mapping

import numpy as np
import pandas as pd
import pytest

from skepi.exceptions import ChromosomeWarning, LeftOutWarning, TableError
from skepi.intervals import MAX_POSITION
from skepi.io import choose_tss, match_genes
from skepi.paired import PairedDataset
from skepi.peaks import consensus_peaks

FEW, MANY = 40, 1000
SECONDS = 2


class Unreadable(Exception):
    """A table has no one meaning."""


# --- valid tables

PEAKS = pd.DataFrame(
    {"chrom": ["chr1", "chr2", "chr1", "chr2"], "start": [90, 40, 500, 700], "end": [110, 50, 600, 900]}
)
GENES = pd.DataFrame(
    {"name": ["a", "b", "c"], "chrom": ["chr1", "chr2", "chr2"], "tss": [100, 550, 7], "strand": ["+", "-", "+"]}
)
LABELS = ["chr1:90-110", "chr2:40-50", "chr1:500-600", "chr2:700-900"]
OPENNESS = pd.DataFrame(np.arange(12.0).reshape(4, 3), LABELS, ["x", "y", "z"])
EXPRESSION = pd.DataFrame(np.arange(9.0).reshape(3, 3), ["a", "b", "c"], ["x", "y", "z"])
CELL_TYPES = pd.DataFrame({"name": ["x", "y", "z"], "lineage": ["l", "l", "m"]})
TRANSCRIPTS = pd.DataFrame(
    {
        "name": ["a", "b", "a", "a", "b", "c"],
        "chrom": ["chr1", "chr2", "chr1", "chr1", "chr2", "chr1"],
        "tss": [100, 700, 300, 300, 650, 9],
        "strand": ["+", "-", "+", "+", "-", "-"],
    }
)
CALLS = pd.DataFrame(
    {
        "chrom": ["chr1", "chr1", "chr1", "chr2"],
        "start": [100, 130, 400, 90],
        "end": [150, 190, 440, 140],
        "log10_p": [9.0, 4.0, 2.0, 5.0],
        "summit": [120, 140, -1, 100],
    }
)
OTHER_CALLS = CALLS.assign(start=[80, 135, 420, 300], end=[130, 200, 460, 400], summit=[110, 136, 430, 350])


# --- mutations: each takes a random generator and a table, and returns what may be given in its place


def a_column(random, table):
    return int(random.integers(table.shape[1]))


def with_column(table, column, values, name=None):
    """The table with other values, and another name, in the column at this place."""
    parts = {k: table.iloc[:, k] for k in range(table.shape[1])} | {column: pd.Series(values, index=table.index)}
    names = [table.columns[k] if k != column or name is None else name for k in range(table.shape[1])]
    return pd.concat(parts, axis=1).set_axis(pd.Index(names, dtype=object), axis=1)


def cell_of(value):
    def mutate(random, table):
        column = a_column(random, table)
        cells = table.iloc[:, column].tolist()
        cells[int(random.integers(len(cells)))] = value
        return with_column(table, column, cells)

    return mutate


def column_of(change):
    """The mutation that changes all cells of a column; as it was where its cells do not allow that."""

    def mutate(random, table):
        column = a_column(random, table)
        try:
            return with_column(table, column, change(table.iloc[:, column]))
        except (TypeError, ValueError):
            return table

    return mutate


def drop_column(random, table):
    return table.drop(columns=table.columns[a_column(random, table)])


def repeat_column(random, table):
    column = a_column(random, table)
    return pd.concat([table, table.iloc[:, [column]]], axis=1)


def rename_column(random, table):
    column = a_column(random, table)
    name = [7, None, b"x", ("x", 1), "", "other", 1.5, True][int(random.integers(8))]
    names = [*table.columns]
    names[column] = name
    return table.set_axis(pd.Index(names, dtype=object, tupleize_cols=False), axis=1)


def swap_columns(random, table):
    """Two columns change names, such as start and end."""
    names = [*table.columns]
    one, two = random.choice(len(names), 2, replace=False) if len(names) > 1 else (0, 0)
    names[one], names[two] = names[two], names[one]
    return table.set_axis(names, axis=1)


def label_rows(random, table):
    labels = [7, None, b"a", "other", {}, ["a"], "chr1:500-600"][int(random.integers(7))]
    index = [*table.index]
    index[int(random.integers(len(index)))] = labels
    out = np.empty(len(index), dtype=object)
    out[:] = index
    return table.set_axis(pd.Index(out, dtype=object, tupleize_cols=False), axis=0)


def masked(random, table):
    """A mapping of columns, one of them with a masked cell."""
    columns = {name: table[name].to_numpy() for name in table}
    name = table.columns[a_column(random, table)]
    return columns | {name: np.ma.array(columns[name], mask=np.arange(len(table)) == random.integers(len(table)))}


def masked_array(random, table):
    values = table.to_numpy()
    return np.ma.array(values, mask=random.random(values.shape) < 0.3)


def two_levels(labels):
    return pd.MultiIndex.from_arrays([["level"] * len(labels), labels])


def shuffled(table, random, axis):
    return table.take(random.permutation(table.shape[axis]), axis=axis)


MUTATIONS = {
    "drop a column": drop_column,
    "repeat a column": repeat_column,
    "rename a column": rename_column,
    "swap two columns": swap_columns,
    "add a column": lambda random, table: table.assign(further=[{}] * len(table) if random.random() < 0.5 else 1),
    "NaN": cell_of(np.nan),
    "None": cell_of(None),
    "a negative number": cell_of(-1),
    "a huge number": cell_of(1e300),
    "a number beyond int64": cell_of(2**63 + 5),
    "a number beyond int32": cell_of(2**40),
    "a number beyond float32": cell_of(3.5e38),
    "a tiny number": cell_of(1e-40),
    "an infinite number": cell_of(np.inf),
    "a dict": cell_of({}),
    "a list": cell_of([1]),
    "bytes": cell_of(b"chr1"),
    "text": cell_of("other"),
    "blank text": cell_of(" "),
    "a truth value": cell_of(True),
    "a complex number": cell_of(1j),
    "a cell of another row": lambda random, table: cell_of(table.iloc[0, a_column(random, table)])(random, table),
    "objects": column_of(lambda column: column.astype(object)),
    "floats": column_of(lambda column: column.astype(float)),
    "float32": column_of(lambda column: column.astype("float32")),
    "texts": column_of(lambda column: column.astype(str)),
    "categories": column_of(lambda column: column.astype("category")),
    "unsigned": column_of(lambda column: column.astype("uint64")),
    "nullable": column_of(lambda column: column.astype("Int64")),
    "truth values": column_of(lambda column: column.astype(bool)),
    "complex numbers": column_of(lambda column: column.astype(complex)),
    "a column of bytes": column_of(lambda column: [str(cell).encode() for cell in column]),
    "transposed": lambda random, table: table.T,
    "shuffled rows": lambda random, table: shuffled(table, random, 0),
    "shuffled columns": lambda random, table: shuffled(table, random, 1),
    "shuffled rows without labels": lambda random, table: shuffled(table, random, 0).reset_index(drop=True),
    "labels of rows moved": lambda random, table: table.set_axis(random.permutation(table.index), axis=0),
    "labels of columns moved": lambda random, table: table.set_axis(random.permutation(table.columns), axis=1),
    "no labels of rows": lambda random, table: table.reset_index(drop=True),
    "another label of a row": label_rows,
    "levels of rows": lambda random, table: table.set_axis(two_levels(table.index), axis=0),
    "levels of columns": lambda random, table: table.set_axis(two_levels(table.columns), axis=1),
    "a row twice": lambda random, table: table.take([*range(len(table)), int(random.integers(len(table)))]),
    "a row fewer": lambda random, table: table.iloc[:-1],
    "no rows": lambda random, table: table.iloc[:0],
    "no columns": lambda random, table: table.iloc[:, :0],
    "a masked column": masked,
    "a masked array": masked_array,
    "an array": lambda random, table: table.to_numpy(),
    "lists": lambda random, table: table.to_numpy().tolist(),
    "a mapping": lambda random, table: {name: table[name].tolist() for name in table},
    "a mapping of rows": lambda random, table: {name: table.iloc[k].tolist() for k, name in enumerate(table.index)},
    "one column alone": lambda random, table: table.iloc[:, 0],
    "nothing": lambda random, table: None,
    "a number": lambda random, table: 5,
    "a name": lambda random, table: "table",
}


def mutated(random, tables):
    """The tables with one or two mutations, and what was done; a mutation that cannot be made is left out."""
    tables, done = dict(tables), []
    for _ in range(int(random.integers(1, 3))):
        what, name = (str(random.choice(list(names))) for names in (tables, MUTATIONS))
        if not isinstance(tables[what], pd.DataFrame) or 0 in tables[what].shape:
            continue
        try:
            changed = MUTATIONS[name](random, tables[what])
        except Exception as error:  # pandas' own, of a second mutation on what the first one left
            done.append(f"({name} of {what} not made: {type(error).__name__})")
            continue
        tables[what] = changed
        done.append(f"{name} of {what}")
    return tables, done


# --- slow readings


def need(condition, why):
    if not condition:
        raise Unreadable(why)


def columns_of(table, wanted):
    """Lists of cells by name; the wanted ones stand there once."""
    need(isinstance(table, pd.DataFrame | Mapping), "no table")
    if isinstance(table, pd.DataFrame):
        names, cells = [*table.columns], [table.iloc[:, k].tolist() for k in range(table.shape[1])]
    else:
        names, cells = list(table), list(table.values())
        need(not any(np.ma.is_masked(column) for column in cells), "masked")
        cells = [list(column) for column in cells]
    need(all(names.count(name) == 1 for name in wanted), "a column is missing or stands twice")
    need(len({len(column) for column in cells}) == 1 and len(cells[0]) > 0, "columns of different lengths, or empty")
    return {name: cells[names.index(name)] for name in wanted}


def text(cell):
    need(isinstance(cell, str | int | np.integer) and not isinstance(cell, bool), f"no name: {cell!r}")
    need(str(cell).strip(), "blank")
    return str(cell)


def chromosome(cell):
    need(not set(text(cell)) & set(" \t\n"), "white space")
    return text(cell)


def position(cell, least=0):
    need(isinstance(cell, int | float | np.number) and not isinstance(cell, bool | complex), f"no number: {cell!r}")
    need(least <= cell <= MAX_POSITION and cell == int(cell), f"no position: {cell!r}")
    return int(cell)


def number(cell):
    need(isinstance(cell, int | float | np.number | np.bool_) and not isinstance(cell, complex), f"no number: {cell!r}")
    need(abs(cell) <= 3.4028234663852886e38, f"not finite: {cell!r}")
    return float(cell)


def intervals_of(table):
    columns = columns_of(table, ["chrom", "start", "end"])
    starts, ends = ([position(cell) for cell in columns[name]] for name in ("start", "end"))
    need(all(start < end for start, end in zip(starts, ends, strict=True)), "empty or turned intervals")
    return list(zip(map(chromosome, columns["chrom"]), starts, ends, strict=True))


STRANDS = {"+": "+", "-": "-", "1": "+", "-1": "-", "+1": "+", "1.0": "+", "-1.0": "-"}


def genes_of(table):
    columns = columns_of(table, ["name", "chrom", "tss", "strand"])
    strands = [STRANDS.get(str(cell)) for cell in columns["strand"]]
    need(None not in strands, "no strand")
    cells = (map(text, columns["name"]), map(chromosome, columns["chrom"]), map(position, columns["tss"]))
    return list(zip(*cells, strands, strict=True))


def matrix_of(matrix, n_rows, names):
    """Numbers by row and column, in the order of the names where columns have some."""
    need(not np.ma.is_masked(matrix), "masked")
    if isinstance(matrix, pd.DataFrame):
        columns = [text(name) for name in matrix.columns]
        need(sorted(columns) == sorted(names), "columns are not the cell types")
        rows = matrix.to_numpy(dtype=object).tolist()
        rows = [[row[columns.index(name)] for name in names] for row in rows]
    else:
        rows = np.asarray(matrix, dtype=object).tolist()
    need(isinstance(rows, list) and len(rows) == n_rows, "another number of rows")
    need(all(isinstance(row, list) and len(row) == len(names) for row in rows), "another number of columns")
    return [[number(cell) for cell in row] for row in rows]


def slow_dataset(openness, peaks, genes, expression, cell_types):
    regions, sites = intervals_of(peaks), genes_of(genes)
    need(len(set(regions)) == len(regions) and len({site[0] for site in sites}) == len(sites), "twice")
    if cell_types is None:
        need(isinstance(openness, pd.DataFrame), "no names")
        names = [text(name) for name in openness.columns]
    elif isinstance(cell_types, pd.DataFrame | Mapping):
        names = [text(name) for name in columns_of(cell_types, ["name"])["name"]]
    else:
        names = [text(name) for name in cell_types]
    need(len(set(names)) == len(names) > 0, "a cell type twice, or none")
    if isinstance(openness, pd.DataFrame):
        texts, labels = [f"{chrom}:{start}-{end}" for chrom, start, end in regions], list(openness.index)
        if any(isinstance(label, str) and label in texts for label in labels):
            need(sorted(map(str, labels)) == sorted(texts), "some rows are peaks, and others not")
            openness = openness.iloc[[labels.index(label) for label in texts]]
    signal = matrix_of(openness, len(regions), names)
    need(all(cell >= 0 for row in signal for cell in row), "negative")
    if expression is None:
        return regions, sites, names, signal, None
    if isinstance(expression, pd.DataFrame) and not isinstance(expression.index, pd.RangeIndex):
        labels = [text(label) for label in expression.index]
        need(sorted(labels) == sorted(site[0] for site in sites), "rows are not the genes")
        expression = expression.iloc[[labels.index(site[0]) for site in sites]]
    return regions, sites, names, signal, matrix_of(expression, len(sites), names)


def read_dataset(**tables):
    data = PairedDataset(**tables)
    assert data.tables.identity
    expression = None if data.expression is None else data.expression.tolist()
    regions = list(data.peaks[["chrom", "start", "end"]].itertuples(index=False, name=None))
    sites = list(data.genes[["name", "chrom", "tss", "strand"]].itertuples(index=False, name=None))
    return regions, sites, data.cell_types["name"].tolist(), data.openness.tolist(), expression


def in_float32(result):
    """What a slow reading found, openness as float32 holds it."""
    return (*result[:3], np.array(result[3], dtype=np.float32).tolist(), result[4])


def is_chromosome(name):
    """As opposed to contigs beside chromosomes."""
    short = name.removeprefix("chr")
    return short in ("X", "Y", "M", "MT") or (short.isdigit() and not short.startswith("0") and len(short) < 3)


def slow_sites(transcripts):
    """The site that most transcripts share, of equals the most upstream, for each gene that is a single place."""
    found = genes_of(transcripts)
    chosen = []
    for name in dict.fromkeys(row[0] for row in found):
        rows = [row for row in found if row[0] == name]
        if any(row[1] in ("chrX", "X") for row in rows):
            rows = [row for row in rows if row[1] not in ("chrY", "Y")]
        rows = [row for row in rows if is_chromosome(row[1])] or rows
        sites = [row[2] for row in rows]
        if len({row[1] for row in rows}) > 1 or len({row[3] for row in rows}) > 1 or max(sites) - min(sites) > 500_000:
            continue
        sign = -1 if rows[0][3] == "-" else 1
        best = min(sites, key=lambda tss: (-sites.count(tss), sign * tss))
        chosen.append((name, rows[0][1], best, rows[0][3], sites.count(best)))
    need(chosen, "no gene is left")
    return chosen


def slow_match(matrix, genes):
    need(isinstance(matrix, pd.DataFrame), "no matrix")
    names = [text(name) for name in columns_of(genes, ["name"])["name"]]
    labels, columns = ([text(name) for name in axis] for axis in (matrix.index, matrix.columns))
    need(all(len(set(side)) == len(side) for side in (names, labels, columns)), "twice")
    common = [name for name in names if name in labels]
    need(common, "no gene in common")
    cells = matrix.to_numpy(dtype=object).tolist()
    need(not any(isinstance(cell, complex | str | bytes | dict | list) for row in cells for cell in row), "no numbers")
    return common, [list(map(repr, map(float, cells[labels.index(name)]))) for name in common]


def read_match(matrix, genes):
    rows, kept = match_genes(matrix, genes)
    assert [str(name) for name in kept["name"]] == [str(name) for name in rows.index]
    cells = rows.to_numpy(dtype=object).tolist()
    return [str(name) for name in rows.index], [list(map(repr, map(float, row))) for row in cells]


def greedy(windows, width):
    """Windows, best first, that overlap none kept before; in the order of the genome."""
    kept = []
    for chrom, start, score in sorted(windows, key=lambda window: (-window[2], window[0], window[1])):
        if not any(chrom == other and abs(start - place) < width for other, place, _ in kept):
            kept.append((chrom, start, score))
    return sorted(kept)


def slow_consensus(first, second):
    width, calls, pooled = 20, [], []
    for table in (first, second):
        need(isinstance(table, pd.DataFrame), "no table")
        regions = intervals_of(table)
        scores = [number(cell) for cell in columns_of(table, ["log10_p"])["log10_p"]]
        need(min(scores) >= 0, "negative")
        summits = [-1] * len(regions)
        if "summit" in table.columns:
            summits = [position(cell, least=-1) for cell in columns_of(table, ["summit"])["summit"]]
        windows = []
        for (chrom, start, end), score, summit in zip(regions, scores, summits, strict=True):
            need(summit == -1 or start <= summit < end, "a summit outside")
            place = ((start + end) // 2 if summit == -1 else summit) - width // 2
            if place >= 0 and place + width <= MAX_POSITION:
                windows.append((chrom, place, score))
        need(sum(window[2] for window in windows) > 0, "no score")
        best = greedy(windows, width)
        total = sum(window[2] for window in best)
        pooled += [(chrom, place, 1e6 * score / total) for chrom, place, score in best]
        calls.append(regions)
    found = []
    for chrom, place, _ in greedy(pooled, width):
        touching = [any(c == chrom and s < place + width and place < e for c, s, e in regions) for regions in calls]
        found.append((chrom, place, place + width, sum(touching)))
    return found


def read_consensus(first, second):
    found = consensus_peaks({"first": first, "second": second}, width=20)
    return list(found.itertuples(index=False, name=None))


def rows_of(table):
    return list(table.itertuples(index=False, name=None))


# Of each door: valid tables, what it makes of them, what a slow reading makes of them.
DATASET = {"openness": OPENNESS, "peaks": PEAKS, "genes": GENES, "expression": EXPRESSION, "cell_types": CELL_TYPES}
DOORS = {
    "PairedDataset": (DATASET, read_dataset, lambda **tables: in_float32(slow_dataset(**tables))),
    "choose_tss": ({"transcripts": TRANSCRIPTS}, lambda transcripts: rows_of(choose_tss(transcripts)), slow_sites),
    "match_genes": ({"matrix": EXPRESSION, "genes": GENES}, read_match, slow_match),
    "consensus_peaks": ({"first": CALLS, "second": OTHER_CALLS}, read_consensus, slow_consensus),
}


def judge(door, seed):
    """``refused``, or ``taken`` where the slow reading agrees; any other case fails and names the seed."""
    valid, use, read = DOORS[door]
    tables, done = mutated(np.random.default_rng(seed), valid)
    case = f"{door}, seed {seed}: {'; '.join(done)}"
    start = time.process_time()
    got, refusal = attempt(use, tables, case)
    assert time.process_time() - start < SECONDS, case
    if refusal is not None:
        assert len(refusal) > 10, case
        return "refused"
    try:
        wanted = read(**tables)
    except Unreadable as error:
        raise AssertionError(f"{case}: taken, though {error}") from error
    assert got == wanted, case
    return "taken"


def attempt(use, tables, case):
    """What the door gives, and None; or None, and the message of a documented error."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ChromosomeWarning)
            warnings.simplefilter("ignore", LeftOutWarning)
            return use(**tables), None
    except (TableError, FileNotFoundError) as error:  # a name in place of a sample is a path
        return None, str(error)
    except Exception as error:
        raise AssertionError(f"{case}: {type(error).__name__}: {error}") from error


@pytest.mark.parametrize("door", DOORS)
def test_valid_tables_are_read_alike(door):
    valid, use, read = DOORS[door]
    assert use(**valid) == read(**valid)


@pytest.mark.parametrize("door", DOORS)
def test_mutated_tables(door):
    outcomes = [judge(door, seed) for seed in range(FEW)]
    assert set(outcomes) == {"refused", "taken"}  # or nothing would be tried


@pytest.mark.slow
@pytest.mark.parametrize("door", DOORS)
def test_many_mutated_tables(door):
    outcomes = [judge(door, seed) for seed in range(FEW, FEW + MANY)]
    assert min(outcomes.count("refused"), outcomes.count("taken")) > MANY // 20
