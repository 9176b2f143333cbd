"""Genomes: every format holds the same letters, and no file that is damaged, stale or changed is believed."""

import copy
import gzip
import multiprocessing
import os
import pickle

import numpy as np
import pytest
from damage import damaged
from genome_files import bgzip, fasta, two_bit
from hypothesis import given
from hypothesis import strategies as st
from promises import assert_exact

from skepi import _limits
from skepi.exceptions import DenseSizeError, FileFormatError, TableError, UnknownNameError
from skepi.sequence import Genome, _genome, _packed_fasta

LETTERS = {"chr2": "ACGTNacgtnAAAACCCCGGGG", "chr1": "GATTACA" * 30, "chrM": "C"}
CODES = dict(zip("ACGTN", range(5), strict=True))
FORMATS = ["plain", "bgzip", "gzip", "2bit"]

dna = st.text("ACGTNacgtn", min_size=1, max_size=150)


def codes_by_hand(text):
    return [CODES[letter] for letter in text.upper()]


def content_of(kind, letters, width=60):
    text = fasta(letters, width).encode()
    return {
        "plain": lambda: text,
        "bgzip": lambda: bgzip(text, block=97),
        "gzip": lambda: gzip.compress(text),
        "2bit": lambda: two_bit(letters),
    }[kind]()


def name_of(kind):
    return {"plain": "genome.fa", "bgzip": "genome.fa.gz", "gzip": "genome.fa.gz"}.get(kind, "genome.2bit")


def written(folder, kind, letters=LETTERS, width=60):
    path = folder / name_of(kind)
    path.write_bytes(content_of(kind, letters, width))
    return path


def index_text(letters, width=60):
    """What ``samtools faidx`` writes: name, length, offset, letters and bytes per line."""
    lines, place = [], 0
    for name, text in letters.items():
        place += len(f">{name} some words\n")
        lines.append(f"{name}\t{len(text)}\t{place}\t{min(width, len(text))}\t{min(width, len(text)) + 1}\n")
        place += len(text) + -(-len(text) // width)
    return "".join(lines)


def older(path, than):
    state = os.stat(than)
    os.utime(path, ns=(state.st_atime_ns - 10**9, state.st_mtime_ns - 10**9))


def from_child(queue, genome):
    queue.put(genome.letters("chr1", 0, 7).tolist())


# by hand


def test_letters_are_codes_and_case_does_not_count():
    genome = Genome.from_strings({"a": "ACGTacgt"})
    assert genome.letters("a", 0, 8).tolist() == [0, 1, 2, 3, 0, 1, 2, 3]
    assert genome.letters("a", 2, 5).tolist() == [2, 3, 0]
    assert genome.letters("a", 3, 3).tolist() == []


def test_every_other_iupac_letter_is_n():
    assert set(Genome.from_strings({"a": "NRYSWKMBDHVnryswkmbdhv"}).letters("a", 0, 22).tolist()) == {4}


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_gives_names_lengths_and_letters(kind, tmp_path):
    genome = Genome(written(tmp_path, kind))
    assert genome.chromosomes.to_dict() == {"chr2": 22, "chr1": 210, "chrM": 1}
    assert list(genome.chromosomes.index) == ["chr2", "chr1", "chrM"]
    for name, text in LETTERS.items():
        assert genome.letters(name, 0, len(text)).tolist() == codes_by_hand(text)
    assert genome.letters("chr1", 58, 65).tolist() == codes_by_hand(LETTERS["chr1"][58:65])
    assert genome.letters("chr1", 5, 5).size == 0
    assert [path.name for path in tmp_path.iterdir()] == [name_of(kind)], "nothing is written beside the file"


def test_a_letter_array_belongs_to_the_caller():
    genome = Genome.from_strings({"a": "AAAA"})
    genome.letters("a", 0, 4)[:] = 3
    assert genome.letters("a", 0, 4).tolist() == [0, 0, 0, 0]


def test_a_genome_says_what_it_is(tmp_path):
    assert repr(Genome.from_strings({"a": "AC"})) == "<Genome from strings: 1 chromosome, 2 bp>"
    assert repr(Genome(written(tmp_path, "plain"))) == "<Genome genome.fa: 3 chromosomes, 233 bp>"


# by law


@given(texts=st.lists(dna, min_size=1, max_size=4), width=st.integers(1, 70), data=st.data())
def test_fasta_wrapped_at_any_width_is_the_string(texts, width, data, tmp_path_factory):
    letters = {f"chr{k}": text for k, text in enumerate(texts)}
    folder = tmp_path_factory.mktemp("genome")
    genomes = [Genome(written(folder, kind, letters, width)) for kind in ("plain", "bgzip", "2bit")]
    for genome in [*genomes, Genome.from_strings(letters)]:
        name = data.draw(st.sampled_from([*letters]))
        start, end = sorted(data.draw(st.integers(0, len(letters[name]))) for _ in range(2))
        assert genome.letters(name, start, end).tolist() == codes_by_hand(letters[name][start:end])


@pytest.mark.parametrize(("newline", "last"), [("\r\n", "\r\n"), ("\n", ""), ("\n", "\n\n")])
@pytest.mark.parametrize("packed", [False, True])
def test_ends_of_lines_do_not_count(newline, last, packed, tmp_path):
    text = fasta(LETTERS, 50, newline, last).encode()
    path = tmp_path / ("genome.fa.gz" if packed else "genome.fa")
    path.write_bytes(bgzip(text) if packed else text)
    assert Genome(path).letters("chr1", 0, 210).tolist() == codes_by_hand(LETTERS["chr1"])


# files beside the file


@pytest.mark.parametrize("kind", ["plain", "bgzip"])
def test_an_index_beside_the_file_is_used(kind, tmp_path):
    path = written(tmp_path, kind)
    path.with_name(path.name + ".fai").write_text(index_text(LETTERS))
    assert Genome(path).letters("chr1", 55, 70).tolist() == codes_by_hand(LETTERS["chr1"][55:70])


def test_the_index_of_pyfaidx_is_used(tmp_path):
    pyfaidx = pytest.importorskip("pyfaidx")
    path = written(tmp_path, "bgzip")
    pyfaidx.Faidx(str(path)).close()
    assert {file.name for file in tmp_path.iterdir()} == {"genome.fa.gz", "genome.fa.gz.fai", "genome.fa.gz.gzi"}
    assert Genome(path).letters("chr1", 55, 70).tolist() == codes_by_hand(LETTERS["chr1"][55:70])


@pytest.mark.parametrize("ending", [".fai", ".gzi"])
def test_an_index_older_than_its_file_is_stale(ending, tmp_path):
    path = written(tmp_path, "bgzip")
    index = path.with_name(path.name + ending)
    index.write_text(index_text(LETTERS))
    older(index, path)
    with pytest.raises(FileFormatError, match=r"index is older than genome.fa.gz, so it may be stale; delete it"):
        Genome(path)


def test_an_index_of_another_file_is_stale_whatever_its_age(tmp_path):
    path = written(tmp_path, "plain")
    index = path.with_name("genome.fa.fai")
    others = {
        "chr1 does not begin": index_text({**LETTERS, "chr2": "A" * 23}),
        "chr3 does not begin": index_text(LETTERS).replace("chr2", "chr3"),
        "there is more in the file": index_text({name: LETTERS[name] for name in ("chr2", "chr1")}),
        "the numbers of chr1 cannot be": index_text(LETTERS).replace("\t60\t61", "\t0\t1"),
        "more in the file than it says": "",
    }
    for said, text in others.items():
        index.write_text(text)
        with pytest.raises(FileFormatError, match=f"stale or of another file: .*{said}"):
            Genome(path)
    index.write_text("chr2\tmany\n")
    with pytest.raises(FileFormatError, match=r"its index .* is damaged; delete it"):
        Genome(path)


def test_a_folder_that_cannot_be_written_is_no_obstacle(tmp_path):
    path = written(tmp_path, "bgzip")
    tmp_path.chmod(0o500)
    try:
        assert Genome(path).chromosomes["chr1"] == 210
    finally:
        tmp_path.chmod(0o700)


# names


@pytest.mark.parametrize("names", [{"22": "chr22"}, "ucsc"])
def test_chromosomes_are_renamed_on_request(names, tmp_path):
    path = written(tmp_path, "plain", {"22": "ACGT", "GL000191.1": "TT"})
    assert list(Genome(path).chromosomes.index) == ["22", "GL000191.1"]
    genome = Genome(path, names=names)
    assert genome.letters("chr22", 0, 4).tolist() == [0, 1, 2, 3]
    assert list(pickle.loads(pickle.dumps(genome)).chromosomes.index) == ["chr22", "GL000191.1"]


def test_names_that_cannot_be_are_refused(tmp_path):
    path = written(tmp_path, "plain")
    with pytest.raises(TableError, match="the file has no chromosome '22', but 'chr2', 'chr1'"):
        Genome(path, names={"22": "chr22"})
    with pytest.raises(TableError, match="two chromosomes would have the same name: 'chr1'"):
        Genome(path, names={"chr2": "chr1"})
    with pytest.raises(TableError, match="wanted a mapping from the file's names"):
        Genome(path, names={"chr2": 2})
    with pytest.raises(ValueError, match="style must be 'ucsc' or 'ensembl', got 'mine'"):
        Genome(path, names="mine")


# bad input


@pytest.mark.parametrize("letters", [{}, None, "ACGT"])
def test_a_genome_of_strings_needs_chromosomes(letters):
    with pytest.raises(TableError, match="genome: wanted a mapping of chromosome names to letters"):
        Genome.from_strings(letters)


def test_strings_are_text_of_dna():
    with pytest.raises(TableError, match="genome: a: wanted letters as text, got bytes"):
        Genome.from_strings({"a": b"ACGT"})
    with pytest.raises(TableError, match=r"genome: a, position 2 \(from 0\): 'U' is no letter of DNA.*RNA has U"):
        Genome.from_strings({"a": "ACU"})
    with pytest.raises(TableError, match=r"position 1 \(from 0\): '\?' is no letter"):
        Genome.from_strings({"a": "A\u2013"})


@pytest.mark.parametrize("kind", ["plain", "bgzip", "gzip"])
def test_letters_that_are_no_dna_are_named_with_their_place(kind, tmp_path):
    path = written(tmp_path, kind, {"chr1": "ACGT" * 30 + "-" + "ACGT" * 30})
    with pytest.raises(FileFormatError, match=r"genome.fa.*: chr1, position 120 \(from 0\): '-' is no letter of DNA"):
        Genome(path).letters("chr1", 100, 130)


def test_places_outside_the_genome_are_refused():
    genome = Genome.from_strings(LETTERS)
    with pytest.raises(UnknownNameError, match=r"has no chromosome '1', but 'chr2', .* \(is it another"):
        genome.letters("1", 0, 1)
    with pytest.raises(TableError, match=r"chr1 has 210 bp, got 200-211 \(is it the same assembly\?\)"):
        genome.letters("chr1", 200, 211)
    with pytest.raises(ValueError, match="start must be a whole number of 0 or more, got -1"):
        genome.letters("chr1", -1, 3)
    with pytest.raises(ValueError, match="end must be a whole number of 5 or more, got 3"):
        genome.letters("chr1", 5, 3)


def test_files_that_are_no_genomes_are_refused(tmp_path):
    with pytest.raises(FileFormatError, match="this is a folder, wanted a file of a genome"):
        Genome(tmp_path)
    with pytest.raises(FileNotFoundError):
        Genome(tmp_path / "absent.fa")
    for content, said in (
        (b"", "indexed"),
        (b"chr1\t0\t10\n", "indexed"),
        (b">a\nACGT\nAC\nACGT\n", "indexed.*Inconsistent line"),
        (b">a\nAC\n>a\nAC\n", "Duplicate key"),
        (gzip.compress(b"ACGT"), "a FASTA file begins with '>', got b'ACGT'"),
        (gzip.compress(b">a\nAC\n>a\nAC\n"), "two records have the name 'a'"),
        (gzip.compress(b">\nAC\n"), "a record has no name behind its '>'"),
    ):
        path = tmp_path / ("genome.fa.gz" if content[:1] == b"\x1f" else "genome.fa")
        path.write_bytes(content)
        with pytest.raises(FileFormatError, match=said):
            Genome(path)


def test_an_empty_file_with_an_empty_index_holds_no_sequence(tmp_path):
    for name in ("genome.fa", "genome.fa.fai"):
        (tmp_path / name).touch()
    with pytest.raises(FileFormatError, match="the file holds no sequence"):
        Genome(tmp_path / "genome.fa")


def test_truncated_bgzip_and_gzip_are_refused(tmp_path):
    path = written(tmp_path, "bgzip")
    content = path.read_bytes()
    for n_bytes in (28, 100, len(content) // 2):
        path.write_bytes(content[:-n_bytes])
        with pytest.raises(FileFormatError, match=r"bgzip file is truncated \(its last block is missing\)"):
            Genome(path)
    path.write_bytes(content[: len(content) // 2] + content[-28:])  # cut within a block, and the last block there
    with pytest.raises(FileFormatError, match="the bgzip file is truncated or damaged"):
        Genome(path)
    path.write_bytes(content_of("gzip", LETTERS)[:-20])
    with pytest.raises(FileFormatError, match="the gzip file is truncated or corrupt"):
        Genome(path)


def test_a_damaged_block_of_bgzip_is_refused(tmp_path):
    rng = np.random.default_rng(0)
    letters = {"chr1": "".join(rng.choice(list("ACGT"), 5000))}
    path = written(tmp_path, "bgzip", letters)
    content = bytearray(path.read_bytes())
    path.with_name(path.name + ".fai").write_text(index_text(letters))
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    os.utime(path.with_name(path.name + ".fai"))
    with pytest.raises(FileFormatError, match=r"damaged|cannot be read|cannot be indexed"):
        Genome(path).letters("chr1", 0, 5000)


def test_bgzip_under_another_name_says_so(tmp_path):
    path = tmp_path / "genome.fa"
    path.write_bytes(content_of("bgzip", LETTERS))
    with pytest.raises(FileFormatError, match=r"the file is bgzip, so its name must end in .gz or .bgz; rename it"):
        Genome(path)


def test_gzip_of_a_large_genome_says_how_to_make_bgzip(tmp_path, monkeypatch):
    path = written(tmp_path, "gzip")
    monkeypatch.setattr(_packed_fasta, "MOST_BYTES", 100)
    with pytest.raises(DenseSizeError, match=r"read whole\) would take .*gunzip .*genome.fa.gz && bgzip .*genome.fa "):
        Genome(path)
    monkeypatch.undo()
    monkeypatch.setenv(_limits.VARIABLE, "100")
    with pytest.raises(FileFormatError, match="the limit is 100"):
        Genome(path)


@pytest.mark.parametrize(
    ("place", "number", "said"),
    [
        (4, 7, "version 7 of 2bit is not known"),
        (8, 0, "the file holds no chromosome"),
        (8, 10**6, "truncated or damaged|list of chromosomes is broken"),
        (21, 10**9, "truncated or damaged: it ends at byte"),
        (25, 2**31, "chr1 states 2,147,483,648 bp"),
        (25, 10**6, "truncated or damaged"),
        (29, 10**6, "truncated or damaged"),
        (33, 100, "blocks of N or lower case of chr1 overlap or lie beyond its end"),
    ],
)
def test_damaged_numbers_of_2bit_are_never_believed(place, number, said, tmp_path):
    content = bytearray(two_bit({"chr1": "ACGNACGT"}))
    content[place : place + 4] = number.to_bytes(4, "little")
    path = tmp_path / "genome.2bit"
    path.write_bytes(content)
    with pytest.raises(FileFormatError, match=said):
        Genome(path)


def test_2bit_of_the_other_byte_order_is_refused(tmp_path):
    path = tmp_path / "genome.2bit"
    path.write_bytes(two_bit(LETTERS, order=">"))
    with pytest.raises(FileFormatError, match=r"byte order of another processor.*faToTwoBit"):
        Genome(path)


def test_2bit_with_strange_or_repeated_names_is_refused(tmp_path):
    path = tmp_path / "genome.2bit"
    for content in (two_bit({"a": "AC", "b": "AC"}).replace(b"\1b", b"\1a"), two_bit({"a": "A"}).replace(b"a", b"\7")):
        path.write_bytes(content)
        with pytest.raises(FileFormatError, match="the list of chromosomes is broken at"):
            Genome(path)


@pytest.mark.parametrize("kind", FORMATS)
def test_damage_is_an_error_or_leaves_letters(kind, tmp_path):
    """Some damage cannot be seen (another letter); none may end the process or give codes that are none."""
    rng, content = np.random.default_rng(1), content_of(kind, LETTERS)
    for _ in range(60):
        path = tmp_path / name_of(kind)
        path.write_bytes(damaged(content, rng))
        try:
            genome = Genome(path)
            for name, length in genome.chromosomes.items():
                assert genome.letters(name, 0, length).max(initial=0) <= 4
        except (FileFormatError, TableError):
            pass


def test_without_the_library_the_message_names_the_extra(tmp_path, monkeypatch):
    for library, kind in (("pyfaidx", "plain"), ("py2bit", "2bit")):
        path = written(tmp_path, kind)
        monkeypatch.setitem(__import__("sys").modules, library, None)
        with pytest.raises(ImportError, match=rf"{library}: pip install 'skepi\[sequence\]'"):
            Genome(path)


# processes


@pytest.mark.parametrize("kind", FORMATS)
def test_a_pickle_is_a_path_and_reads_the_same(kind, tmp_path):
    letters = {"chr1": "GATTACA" * 2000}
    genome = Genome(written(tmp_path, kind, letters))
    pickled = pickle.dumps(genome)
    assert len(pickled) < 5000
    for other in (pickle.loads(pickled), copy.deepcopy(genome)):
        assert other == genome
        assert hash(other) == hash(genome)
        assert_exact(other.letters("chr1", 55, 999), genome.letters("chr1", 55, 999))


def test_a_changed_file_is_noticed_by_a_genome_and_by_its_pickle(tmp_path):
    path = written(tmp_path, "plain")
    genome = Genome(path)
    pickled = pickle.dumps(genome)
    path.write_text(fasta({**LETTERS, "chr1": "A" * 210}))
    os.utime(path, ns=(0, 0))
    for other in (genome, pickle.loads(pickled)):
        with pytest.raises(FileFormatError, match="changed since the genome was made; make the Genome anew"):
            other.letters("chr1", 0, 1)


@pytest.mark.parametrize("method", [pytest.param("fork"), pytest.param("spawn", marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", ["plain", "bgzip", "2bit"])
def test_a_worker_process_opens_the_file_for_itself(method, kind, tmp_path):
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"this system has no {method}")
    genome = Genome(written(tmp_path, kind))
    genome.letters("chr2", 0, 3)
    context = multiprocessing.get_context(method)
    queue = context.SimpleQueue()
    process = context.Process(target=from_child, args=(queue, genome))
    process.start()
    assert queue.get() == codes_by_hand("GATTACA")
    process.join()
    assert genome.letters("chr1", 0, 7).tolist() == codes_by_hand("GATTACA")


def test_a_handle_of_another_process_is_left_alone(tmp_path, monkeypatch):
    genome = Genome(written(tmp_path, "2bit"))
    of_parent = genome._opened
    monkeypatch.setattr(_genome, "_OF_PARENTS", [])
    other = os.getpid() + 1
    monkeypatch.setattr(os, "getpid", lambda: other)
    genome.letters("chr1", 0, 7)
    assert [of_parent] == _genome._OF_PARENTS
    assert genome._opened is not of_parent


def test_a_closed_genome_opens_again(tmp_path):
    with Genome(written(tmp_path, "plain")) as genome:
        first = genome.letters("chr1", 0, 7)
    assert genome._opened is None
    assert_exact(genome.letters("chr1", 0, 7), first)
    genome.close()
    genome.close()
    strings = Genome.from_strings(LETTERS)
    strings.close()
    assert_exact(strings.letters("chr1", 0, 7), first)


def test_genomes_are_equal_by_file_or_by_letters(tmp_path):
    path = written(tmp_path, "plain")
    assert Genome(path) == Genome(path)
    assert Genome(path) != Genome(path, names={"chr2": "2"})
    assert Genome.from_strings(LETTERS) == Genome.from_strings(dict(LETTERS))
    assert Genome.from_strings(LETTERS) != Genome.from_strings({**LETTERS, "chrM": "G"})
    assert Genome.from_strings(LETTERS) != Genome(path)
    assert Genome(path) != "genome"
