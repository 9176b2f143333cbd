"""Formats that skepi does not read as text, told by their first bytes, and what reads them."""

from skepi.exceptions import FileFormatError

N_BYTES = 512

_KINDS = {
    b"PAR1": "a parquet file: pandas.read_parquet(path) reads it (read_matrix reads matrices in it)",
    b"ARROW1": "an Arrow (feather) file: pandas.read_feather(path) reads it",
    b"\x89HDF\r\n\x1a\n": (
        "an HDF5 file: anndata.read_h5ad(path) reads h5ad, skepi.io.read_10x_h5(path) reads Cell Ranger's files, "
        "pandas.read_hdf(path) reads tables of pandas"
    ),
    b"\xd0\xcf\x11\xe0": "an Excel workbook: pandas.read_excel(path) reads it",
    b"RDX": "a file of R (RData): save the table in R with write.csv",
    b"X\n\0\0": "a file of R (RDS): save the table in R with write.csv, a sparse matrix with Matrix::writeMM",
    b"BAM\1": "a file of alignments (BAM): count its reads first, with featureCounts or bedtools multicov",
    b"CRAM": "a file of alignments (CRAM): count its reads first, with featureCounts or bedtools multicov",
    b"\x26\xfc\x8f\x88": "a bigWig file: skepi.peaks.openness_from_bigwigs reads it",
    b"\x88\x8f\xfc\x26": "a bigWig file: skepi.peaks.openness_from_bigwigs reads it",
    b"\xeb\xf2\x89\x87": "a bigBed file: bigBedToBed of UCSC makes a BED file of it",
    b"\x87\x89\xf2\xeb": "a bigBed file: bigBedToBed of UCSC makes a BED file of it",
    b"\x93NUMPY": "an array of NumPy: numpy.load(path) reads it",
    b"BZh": "a file packed by bzip2: unpack it first",
    b"\xfd7zXZ\0": "a file packed by xz: unpack it first",
    b"\x28\xb5\x2f\xfd": "a file packed by zstd: unpack it first",
    b"7z\xbc\xaf": "a 7z archive: unpack it first",
    b"%PDF": "a PDF file: save its table as text",
}
_ZIP = b"PK\x03\x04"
_WORKBOOK = (b"[Content_Types].xml", b"xl/", b"docProps/", b"_rels/")
_TAR_PLACE = 257
_WEB_PAGE = (b"<!doctype html", b"<html")


def refuse_other_formats(path: object, beginning: bytes, wanted: str) -> None:
    """Raise ``FileFormatError`` if a file begins as another format does; the message names what reads it."""
    kind = _kind(beginning)
    if kind:
        raise FileFormatError(str(path), None, None, f"wanted {wanted}, got {kind}")


def _kind(beginning: bytes) -> str | None:
    if beginning.startswith(_ZIP):
        if beginning[30:].startswith(_WORKBOOK):
            return "an Excel workbook: pandas.read_excel(path) reads it, and Excel saves it as CSV"
        return "a zip archive: unpack it first (an Excel workbook: pandas.read_excel(path) reads it)"
    if beginning[_TAR_PLACE:].startswith(b"ustar"):
        return "a tar archive: unpack it first"
    if beginning.lstrip().lower().startswith(_WEB_PAGE):
        return "a web page: the address may be that of a page about the file; download the file itself"
    return next((kind for first, kind in _KINDS.items() if beginning.startswith(first)), None)
