"""Files that are packed otherwise, broken or mutated: the right table, or an error that names the place."""

import gzip
import pickle
import random
import time
import warnings
from contextlib import suppress

import numpy as np
import pandas as pd
import pytest
import test_io
import test_io_bigwig
from hypothesis import given
from hypothesis import strategies as st
from promises import assert_exact
from test_io import READERS, VALID, at

from skepi.exceptions import FileFormatError, LeftOutWarning, TableError, UnknownNameError
from skepi.io import (
    bigwig_means,
    choose_tss,
    read_10x_h5,
    read_bed,
    read_gff3,
    read_gtf,
    read_matrix,
    read_narrowpeak,
)

put = test_io.put
every_format = pytest.mark.parametrize("kind", READERS)
TRACKS = ("bed", "bedgraph", "narrowpeak", "peaks")
POSITIONS = dict.fromkeys([*TRACKS, "tss"], (2, 3)) | {"gtf": (4, 5), "gff3": (4, 5)}  # columns, from 1


def with_field(text, column, value):
    """The text with one field (from 1) of its last line replaced."""
    *before, last = text.splitlines()
    fields = last.split("\t")
    fields[column - 1] = value
    return "\n".join([*before, "\t".join(fields)]) + "\n"


# --- the same table, however it is packed


@every_format
@pytest.mark.parametrize(
    "pack",
    [
        lambda text: gzip.compress(text.encode()),
        lambda text: b"".join(gzip.compress(line.encode()) for line in text.splitlines(keepends=True)),
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.rstrip("\n"),
        lambda text: "\n# made by hand\n\n" + text.replace("\n", "\n#\n \t\n"),
        lambda text: "\ufeff" + text,
    ],
    ids=["gz", "bgzf", "crlf", "no final newline", "comments and blank lines", "byte order mark"],
)
def test_packing_does_not_change_the_table(put, kind, pack):
    plain = READERS[kind](put(VALID[kind]))
    packed = READERS[kind](put(pack(VALID[kind]), "packed"))
    assert_exact(packed, plain)


@pytest.mark.parametrize("kind", TRACKS)
def test_track_and_browser_lines_are_left_out(put, kind):
    lines = 'browser position chr1:1-9\ntrack name="a b" type=x\n' + VALID[kind]
    assert_exact(READERS[kind](put(lines)), READERS[kind](str(put(VALID[kind], "plain"))))


# --- text that is none


@every_format
@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        (b"", None, "the file holds no data"),
        (b"# only\n\n# comments\n", None, "the file holds no data"),
        (gzip.compress(b"", mtime=0), None, "the file holds no data"),
        (b"# one\n\x89PNG\r\n\x1a\n\0\0", 2, "not text"),
        (b"# caf\xe9\n", 1, "not text"),
        (b"\x1f\x8b", 1, "truncated or corrupt"),
        (b"\x1f\x8b\x08\x00junk", 1, "truncated or corrupt"),
    ],
)
def test_files_without_text_are_refused(put, kind, content, line, message):
    path = put(content)
    with pytest.raises(FileFormatError, match=at(path, line, None, message)):
        READERS[kind](path)


@every_format
@pytest.mark.parametrize("coding", ["utf-16", "utf-16-le", "utf-32"])
def test_other_encodings_are_refused(put, kind, coding):
    path = put(VALID[kind].encode(coding))
    with pytest.raises(FileFormatError, match=at(path, 1, None, "not text")):
        READERS[kind](path)


@every_format
@pytest.mark.parametrize("junk", ["\0", "\r"], ids=["NUL", "carriage return"])
def test_lines_with_control_characters_inside_are_refused(put, kind, junk):
    path = put(VALID[kind].rstrip("\n") + junk + "x\n")
    with pytest.raises(FileFormatError, match=at(path, 2, None, "not text with one record per line")):
        READERS[kind](path)


@every_format
def test_gz_cut_or_changed_anywhere_near_its_end_is_refused(put, kind):
    whole = gzip.compress(VALID[kind].encode())
    wrong_checksum = whole[:-8] + bytes([whole[-8] ^ 1]) + whole[-7:]
    for content in (whole[:-1], whole[:-9], whole[: len(whole) // 2], wrong_checksum, whole + b"junk"):
        path = put(content)
        with pytest.raises(FileFormatError, match=r"line \d: the gzip file is truncated or corrupt"):
            READERS[kind](path)


@every_format
def test_missing_files_are_missing(tmp_path, kind):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        READERS[kind](tmp_path / "nowhere")


# --- fields that do not fit


NOT_WHOLE = ["1.5", "1e3", "1_0", "\u0661\u0662", "\u00b2", "", "start", "+5", " 5", "0x1f", "NaN", "--5", "-"]
OUT_OF_RANGE = ["-1", "2147483648", "9" * 30, "-" + "9" * 30]
COLUMNS = [(kind, column) for kind, columns in POSITIONS.items() for column in columns]


@pytest.mark.parametrize(("kind", "column"), COLUMNS)
@pytest.mark.parametrize("value", NOT_WHOLE)
def test_positions_that_are_no_whole_numbers_are_refused(put, kind, column, value):
    path = put(with_field(VALID[kind], column, value))
    message = f"wanted a whole number (bp), got {value!r}"
    with pytest.raises(FileFormatError, match=at(path, 2, column, message)):
        READERS[kind](path)


@pytest.mark.parametrize(("kind", "column"), COLUMNS)
@pytest.mark.parametrize("value", OUT_OF_RANGE)
def test_positions_out_of_range_are_refused_and_quoted(put, kind, column, value):
    path = put(with_field(VALID[kind], column, value))
    with pytest.raises(FileFormatError, match=at(path, 2, column, "positions lie in") + f".*got '?{value}"):
        READERS[kind](path)


@pytest.mark.parametrize(
    ("kind", "column", "value", "message"),
    [
        ("bed", 3, "10", "end must be greater than start, got 10 and 10"),
        ("bed", 3, "9", "end must be greater than start"),
        ("bed", 5, "nan", "wanted a number (score) or ., got 'nan'"),
        ("bed", 5, "-inf", "wanted a number"),
        ("bed", 5, "1e999", "wanted a number"),
        ("bed", 5, "1_0", "wanted a number"),
        ("bed", 5, "\u0661", "wanted a number"),
        ("bed", 5, "high", "wanted a number"),
        ("bed", 6, "*", "wanted one of +, -, ., got '*'"),
        ("narrowpeak", 3, "100", "end must be greater than start"),
        ("narrowpeak", 5, "", "wanted a number"),
        ("narrowpeak", 6, "plus", "wanted one of"),
        ("narrowpeak", 7, "-0.5", "signal_value must be 0 or greater, got -0.5"),
        ("narrowpeak", 7, "nan", "wanted a number"),
        ("narrowpeak", 8, "inf", "wanted a number"),
        ("narrowpeak", 9, "x", "wanted a number"),
        ("narrowpeak", 10, "100", "the summit lies 100 bp into an interval of 100 bp"),
        ("narrowpeak", 10, "-2", "positions lie in -1"),
        ("narrowpeak", 10, "4.5", "wanted a whole number"),
        ("bed", 2, "1e+05", "wanted a whole number (bp), got '1e+05'. R writes 100000 so: options(scipen=999)"),
        ("tss", 3, "102", "wanted a site, start = end or one base, got 100 and 102"),
        ("tss", 3, "99", "wanted a site"),
        ("tss", 4, "", "wanted a name"),
        ("tss", 5, " ", "wanted a name"),
        ("tss", 6, ".", "wanted one of +, -, got '.'"),
        ("gtf", 4, "0", "positions lie in 1 .. 2147483647, got 0"),
        ("gtf", 5, "10", "end must not be less than start, got 11 and 10"),
        ("gtf", 7, "1", "wanted one of"),
        ("gtf", 9, 'transcript_id "T";', "wanted an attribute gene_id"),
        ("gtf", 9, 'gene_id "";', "wanted an attribute gene_id"),
        ("gtf", 9, 'gene_id " ";', "wanted an attribute gene_id"),
        ("gtf", 9, 'ref-gene_id "G";', "wanted an attribute gene_id"),
        ("gtf", 9, "gene_id=G;transcript_id=T", "wanted"),
        ("gff3", 4, "0", "positions lie in 1"),
        ("gff3", 5, "1", "end must not be less"),
        ("gff3", 7, "*", "wanted one of"),
        ("gff3", 9, 'gene_id "G"; transcript_id "T"', "wanted attributes as key=value, got 'gene_id \"G\"'"),
    ],
)
def test_fields_that_do_not_fit_are_refused(put, kind, column, value, message):
    path = put(with_field(VALID[kind], column, value))
    with pytest.raises(FileFormatError, match=at(path, 2, column, message)):
        READERS[kind](path)


@every_format
@pytest.mark.parametrize("name", ["", " ", "chr 1", "chr1 ", "chr1\u00a0", "\ufeffchr1", "chr\x011"])
def test_chromosome_names_hold_visible_letters_only(put, kind, name):
    path = put(with_field(VALID[kind], 1, name))
    with pytest.raises(FileFormatError, match=at(path, 2, 1)):
        READERS[kind](path)


def test_gff3_genes_without_identifier_are_refused(put):
    path = put(VALID["gff3"].replace("ID=gene:G;", ""))
    with pytest.raises(FileFormatError, match=at(path, 1, 9, "wanted an attribute ID or gene_id")):
        read_gff3(path)


@pytest.mark.parametrize(
    ("kind", "last", "message"),
    [
        ("bed", "chr1\t10\t20", "wanted 6 columns as in the lines before, got 3"),
        ("bed", "chr1\t10", "BED has 3 to 12 columns, got 2: 'chr1 10'"),
        ("bed", "\t".join(["chr1", "10", "20"] + ["0"] * 10), "BED has 3 to 12 columns, got 13"),
        ("narrowpeak", "\t".join("1" * 9), "wanted 10 columns as in the lines before, got 9"),
        ("narrowpeak", "\t".join("1" * 11), "narrowPeak has 10 tab-separated columns, broadPeak 9, got 11"),
        ("narrowpeak", "\t".join("1" * 8), "narrowPeak has 10 tab-separated columns, broadPeak 9, got 8"),
        ("tss", "chr1\t5\t5\tT\tG", "wanted 6 tab-separated columns, got 5"),
        ("gtf", "\t".join("1" * 8), "wanted 9 tab-separated columns, got 8"),
        ("gff3", "\t".join("1" * 10), "wanted 9 tab-separated columns, got 10"),
    ],
)
def test_lines_of_another_width_are_refused(put, kind, last, message):
    path = put(VALID[kind] + "# two lines before this one\n" + last)
    with pytest.raises(FileFormatError, match=at(path, 4, None, message)):
        READERS[kind](path)


@every_format
@pytest.mark.parametrize("separator", [" ", ",", ";"])
def test_mixed_separators_are_refused(put, kind, separator):
    first, last = VALID[kind].splitlines()
    path = put(f"{first}\n{last.replace(chr(9), separator)}\n")
    with pytest.raises(FileFormatError, match=at(path, 2, None, "got 1")):
        READERS[kind](path)


@pytest.mark.parametrize(
    ("kind", "header"),
    [
        ("bed", "chrom\tstart\tend\tname\tscore\tstrand"),
        ("narrowpeak", "chrom\tstart\tend\tname\tscore\tstrand\tsignal\tp\tq\tsummit"),
        ("tss", "chrom\tstart\tend\ttranscript\tgene\tstrand"),
    ],
)
def test_headers_are_refused_where_none_belong(put, kind, header):
    path = put(f"{header}\n{VALID[kind]}")
    with pytest.raises(FileFormatError, match=at(path, 1, 2, "wanted a whole number (bp), got 'start'")):
        READERS[kind](path)


def test_the_error_holds_the_place_and_survives_pickling(put):
    path = put("chr1\t5\t5\n")
    with pytest.raises(FileFormatError) as caught:
        read_bed(path)
    again = pickle.loads(pickle.dumps(caught.value))
    assert (again.path, again.line, again.column) == (path, 1, 3)
    assert str(again) == str(caught.value) == f"{path}, line 1, column 3: {again.message}"
    assert isinstance(again, ValueError)


# --- laws


@given(st.lists(st.integers(0, 99), min_size=2, max_size=6, unique=True), st.integers(0, 50))
def test_every_base_of_a_cut_interval_goes_to_the_nearest_summit(tmp_path_factory, offsets, start):
    path = tmp_path_factory.mktemp("law") / "peaks"
    rows = (f"chr1\t{start}\t{start + 100}\tp\t1\t.\t1\t1\t1\t{offset}\n" for offset in offsets)
    path.write_text("".join(rows))
    cut = read_narrowpeak(path)
    assert list(cut["summit"]) == [start + offset for offset in offsets]
    places = list(cut[["start", "end", "summit"]].itertuples(index=False, name=None))
    for base in range(start, start + 100):
        nearest = min((summit for *_, summit in places), key=lambda summit: (abs(base - summit), -summit))
        assert [summit for first, last, summit in places if first <= base < last] == [nearest]  # equals go downstream


def slow_choice(table, policy):
    """Site of each gene, one transcript after the other."""
    out = []
    for name in dict.fromkeys(table["name"]):
        rows = table[table["name"] == name]
        count = rows["tss"].value_counts().to_dict()
        sign = -1 if rows["strand"].iloc[0] == "-" else 1
        popular = [tss for tss in count if policy != "most_transcripts" or count[tss] == max(count.values())]
        best = min(popular, key=lambda tss: sign * tss)
        out.append((name, best, count[best]))
    return out


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 4)), min_size=1, max_size=20),
    st.sampled_from(["most_transcripts", "most_upstream"]),
)
def test_the_chosen_site_is_that_of_a_slow_loop(transcripts, policy):
    strands = {"a": "+", "b": "-", "c": "-"}
    rows = [(name, "chr1", tss, strands[name]) for name, tss in transcripts]
    table = test_io.sites(*rows)
    assert test_io.rows_of(choose_tss(table, policy), "name", "tss", "n_transcripts") == slow_choice(table, policy)
    every = choose_tss(table, "all")
    assert every["n_transcripts"].sum() == len(table)
    assert every["name"].is_unique


word = st.text("abcXYZ019.-_;=%,& ", min_size=1, max_size=8).filter(lambda text: text == text.strip() != "")
genes = st.lists(
    st.tuples(st.integers(1, 10**9), st.integers(0, 10**6), st.sampled_from("+-"), word), min_size=1, max_size=5
)


@given(genes)
def test_what_is_written_as_gtf_or_gff3_is_read_again(tmp_path_factory, genes):
    folder = tmp_path_factory.mktemp("law")
    escaped = str.maketrans({letter: f"%{ord(letter):02X}" for letter in ";=%,& "})
    gtf, gff3 = [], []
    for k, (first, length, strand, name) in enumerate(genes):
        place = (first, first + length, strand)
        gtf.append(("transcript", *place, f'gene_id "G.{k}"; gene_name "{name}"; transcript_id "T.{k}";'))
        gff3.append(("gene", *place, f"ID=G.{k};Name={name.translate(escaped)}"))
        gff3.append(("mRNA", *place, f"ID=transcript:T.{k};Parent=G.{k}"))
    expected = [(a - 1, a + n, s, f"G.{k}", name, f"T.{k}") for k, (a, n, s, name) in enumerate(genes)]
    for reader, rows in ((read_gtf, gtf), (read_gff3, gff3)):
        path = folder / "file"
        path.write_text(test_io.annotation(*rows))
        columns = ("start", "end", "strand", "gene_id", "gene_name", "transcript_id")
        assert test_io.rows_of(reader(path), *columns) == expected


# --- mutated files

SEEDS = {
    "bed": VALID["bed"] * 2 + "chr2\t5\t90\tp2\t0\t.\n",
    "narrowpeak": test_io.peaks(*test_io.THREE) + VALID["narrowpeak"],
    "bedgraph": VALID["bedgraph"] + "chr2\t5\t90\t-2.5\n",
    "peaks": VALID["peaks"] * 2,
    "tss": VALID["tss"] * 2,
    "gtf": VALID["gtf"] * 2,
    "gff3": test_io.ENSEMBL_GFF3,
    "bedpe": test_io.VALID["bedpe"] * 2,
}
NASTY = [*NOT_WHOLE, *OUT_OF_RANGE, "0", "-1", "1", "inf", ".", "#", "track", '"', ";", "=", "\ufeff", "a" * 300]


def change_field(lines, rng):
    row = rng.randrange(len(lines))
    fields = lines[row].split("\t")
    fields[rng.randrange(len(fields))] = rng.choice([*NASTY, *fields])
    lines[row] = "\t".join(fields)


def swap_fields(lines, rng):
    row = rng.randrange(len(lines))
    fields = lines[row].split("\t")
    a, b = rng.randrange(len(fields)), rng.randrange(len(fields))
    fields[a], fields[b] = fields[b], fields[a]
    lines[row] = "\t".join(fields)


def change_separator(lines, rng):
    row = rng.randrange(len(lines))
    old, new = rng.choice("\t;= \"'"), rng.choice([" ", ",", "\t\t", "", "\t", "\v", "\r"])
    lines[row] = lines[row].replace(old, new, rng.choice([1, -1]))


def cut_line(lines, rng):
    row = rng.randrange(len(lines))
    lines[row] = lines[row][: rng.randrange(len(lines[row]) + 1)]


def move_line(lines, rng):
    lines.insert(rng.randrange(len(lines)), lines[rng.randrange(len(lines))])
    if rng.random() < 0.5:
        lines.pop(rng.randrange(len(lines)))


def flip_bytes(content, rng):
    changed = bytearray(content)
    for _ in range(rng.randrange(4)):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def mutate(text, rng):
    """One to three changes of the text, then perhaps gz, flipped bytes, a cut."""
    lines = text.split("\n")
    for _ in range(rng.randint(1, 3)):
        rng.choice([change_field, change_field, swap_fields, change_separator, cut_line, move_line])(lines, rng)
    content = "\n".join(lines).encode()
    if rng.random() < 0.2:
        content = gzip.compress(content, mtime=0)
    if content and rng.random() < 0.3:
        content = flip_bytes(content, rng)
    return content[: rng.randrange(len(content) + 1)] if rng.random() < 0.1 else content


def lines_of_data(content, kind):
    """Lines of a readable file that are neither blank nor comments; annotations have other features as well."""
    text = (gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content).decode()
    skip = ("#", "track", "browser") if kind in (*TRACKS, "bedpe") else ("#",)
    return sum(bool(line.strip()) and not line.startswith(skip) for line in text.split("\n"))


def content_count(content, text):
    """How often a text is in a readable file."""
    return (gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content).decode().count(text)


def check_table(table, kind, content):
    """What any table that was read promises."""
    n_lines = lines_of_data(content, kind)
    assert 1 <= len(table) <= n_lines if kind in ("gtf", "gff3", "one end") else len(table) == n_lines
    if kind == "bedpe":  # two intervals, of which each is one as elsewhere
        assert table["score"].isna().sum() <= content_count(content, "\t.") if "score" in table else True
        for end in "12":
            columns = {f"{name}{end}": name for name in ("chrom", "start", "end")}
            check_table(table[list(columns)].rename(columns=columns), "one end", content)
        return
    if kind in ("bed", "narrowpeak", "peaks"):  # the only field that may be without a value
        assert "score" not in table or table["score"].isna().sum() <= content_count(content, "\t.")
        table = table.drop(columns="score", errors="ignore")
    assert not table.isna().any(axis=None)
    assert np.isfinite(table.select_dtypes("number").to_numpy(float)).all()
    assert all(chrom.isprintable() and chrom and " " not in chrom for chrom in table["chrom"])
    positions = [column for column in ("start", "end", "tss") if column in table]
    assert (table[positions].dtypes == np.int64).all()
    assert table[positions].ge(0).all(axis=None)
    assert table[positions].le(2**31 - 1).all(axis=None)
    if "start" in table:
        assert (table["start"] < table["end"]).all()
    if "summit" in table:
        without = table["summit"] == -1
        assert (without | table["summit"].between(table["start"], table["end"] - 1)).all()
    for names in ("name" if kind == "tss" else "gene_id", "gene_name"):
        assert names not in table or table[names].str.strip().ne("").all()


def read_mutated(kind, path, rng):
    """Read a mutated file; True where it still was a table."""
    content = mutate(SEEDS[kind], rng)
    path.write_bytes(content)
    begin = time.process_time()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", LeftOutWarning)  # lines whose gene is gone
            table, error = READERS[kind](path), None
    except FileFormatError as caught:
        table, error = None, caught
    assert time.process_time() - begin < 5
    if table is not None:
        check_table(table, kind, content)
    else:
        assert str(error).startswith(str(path))
        assert error.line is not None or "no data" in error.message or "no line is a" in error.message
    return table is not None


@every_format
@given(seed=st.integers(0, 2**32 - 1))
def test_mutated_files_give_a_valid_table_or_an_error_with_its_place(tmp_path_factory, kind, seed):
    read_mutated(kind, tmp_path_factory.getbasetemp() / f"mutated_{kind}", random.Random(seed))


@pytest.mark.slow
@every_format
def test_4000_mutated_files_a_format_give_a_valid_table_or_an_error_with_its_place(tmp_path, kind):
    rng = random.Random(20_000)
    tables = sum(read_mutated(kind, tmp_path / "mutated", rng) for _ in range(4000))
    assert 100 < tables < 3900  # both ends are reached


# --- damaged files of every packed format: a table, or an error about the file and no other

DAMAGE = (FileFormatError, TableError, UnknownNameError)


def flip_bits(content, rng):
    for _ in range(rng.randint(1, 20)):
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)


def cut_end(content, rng):
    del content[rng.randrange(len(content)) :]


def zero_range(content, rng):
    start, length = rng.randrange(len(content)), rng.choice([1, 8, 64, 512])
    end = min(start + length, len(content))
    content[start:end] = bytes(end - start)


def swap_chunks(content, rng):
    size = max(1, min(rng.choice([4, 16, 64, 256]), len(content) // 3))
    one, other = (size * rng.randrange(len(content) // size) for _ in range(2))
    content[one : one + size], content[other : other + size] = content[other : other + size], content[one : one + size]


def damaged(content, rng):
    """One or two kinds of damage; a file is never empty."""
    content = bytearray(content)
    for damage in rng.sample([flip_bits, zero_range, swap_chunks, cut_end], rng.randint(1, 2)):
        damage(content, rng)
        content = content or bytearray(1)
    return bytes(content)


def packed_tables(folder):
    """A reader and the bytes of a valid file for each packed format."""
    counts = pd.DataFrame({"gene": [f"G{k}" for k in range(50)], "A": range(50), "B": np.linspace(0, 1, 50)})
    text = counts.to_csv(index=False)
    yield from ((f"{kind}.gz", READERS[kind], gzip.compress(SEEDS[kind].encode(), mtime=0)) for kind in READERS)
    yield "matrix.gz", read_matrix, gzip.compress(text.encode(), mtime=0)
    content = test_io_bigwig.bigwig(test_io_bigwig.CHROMS, test_io_bigwig.SECTIONS)
    yield "bigwig", lambda path: bigwig_means(path, test_io.ONE_PEAK), content
    with suppress(ImportError):
        import pyarrow  # noqa: F401

        for name, options in {"parquet": {}, "parquet.gz": {"compression": "gzip", "use_dictionary": False}}.items():
            counts.to_parquet(folder / "valid", **options)
            yield name, read_matrix, (folder / "valid").read_bytes()
    with suppress(ImportError):
        import h5py
        import test_io_tenx

        words = np.array([word.decode() for word in test_io_tenx.PARTS["barcodes"]], object)
        for name, change in {"h5": {}, "h5 of texts": {"barcodes": words}}.items():
            yield name, read_10x_h5, test_io_tenx.write(folder / "valid", change).read_bytes()
        assert h5py


@pytest.mark.parametrize("n_files", [10, pytest.param(500, marks=pytest.mark.slow)])
def test_damaged_files_are_read_or_refused_as_files(tmp_path, n_files):
    rng, path, outcomes = random.Random(n_files), tmp_path / "damaged", []
    for _, reader, content in packed_tables(tmp_path):
        for _ in range(n_files):
            path.write_bytes(damaged(content, rng))
            begin = time.perf_counter()
            try:
                outcomes.append(reader(path))
            except DAMAGE:
                outcomes.append(None)
            assert time.perf_counter() - begin < 5
    assert any(outcome is None for outcome in outcomes)
    assert any(outcome is not None for outcome in outcomes)
