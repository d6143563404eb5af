"""CSV as machines write it: UTF-8, a header, commas between the columns, decimal points; anything else is refused."""

import csv
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from memramp.config import describe
from memramp.errors import InputError
from memramp.files import read_limited

Row = tuple[int, dict[str, str]]
"""Line number, from 1, and the text of each column."""

_NUMBER = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
_NEWLINE = re.compile(r"\r\n|\n|\r")
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True)
class CsvContent:
    """What a CSV file holds."""

    comments: tuple[tuple[int, str], ...]
    """Line number, from 1, and text after the ``#`` of each comment line."""

    columns: tuple[str, ...]
    """The header, in the file's order."""

    rows: tuple[Row, ...]
    """The rows in the file's order."""


def read_csv_rows(path: Path, columns: Sequence[str], max_bytes: int) -> list[Row]:
    """Read a CSV file with exactly these columns, in any order; comment lines (``#``) and empty lines are skipped.

    Parameters
    ----------
    path : Path
        Regular file.
    columns : sequence of str
        Names that the header must hold.
    max_bytes : int
        Larger files are refused.

    Returns
    -------
    list of (int, dict)
        Line number, from 1, and the text of each column without surrounding blanks.

    Raises
    ------
    InputError
        Names file and line, what was found and what is allowed.
    """
    return list(parse_csv(read_limited(path, max_bytes), str(path), columns).rows)


def parse_csv(content: bytes, where: str, columns: Sequence[str], optional: Sequence[str] = ()) -> CsvContent:
    """Read the contents of a CSV file; see `read_csv_rows`.

    Parameters
    ----------
    content : bytes
        UTF-8 text, with or without byte order mark.
    where : str
        Name of the file, for messages.
    columns, optional : sequence of str
        Names that the header must hold, and those that it may hold.

    Raises
    ------
    InputError
        Names file and line, what was found and what is allowed.
    """
    lines = list(enumerate(_NEWLINE.split(_decode(content, where)), start=1))
    comments = tuple((line, text.strip()[1:].strip()) for line, text in lines if text.strip().startswith("#"))
    filled = iter([(line, text) for line, text in lines if text.strip() and not text.strip().startswith("#")])
    header = _header(filled, where, columns, optional)
    rows = tuple((line, _row(text, f"{where}, line {line}", header)) for line, text in filled)
    return CsvContent(comments, header, rows)


def read_matrix(path: Path, max_bytes: int = 200_000_000) -> NDArray[np.float64]:
    """Read a matrix of numbers: lines of the same number of cells, without a header; comments and empty lines as above.

    Raises
    ------
    InputError
        Names file and line, what was found and what is allowed.
    """
    rows: list[list[float]] = []
    for line, text in enumerate(_NEWLINE.split(_decode(read_limited(path, max_bytes), str(path))), start=1):
        if not text.strip() or text.strip().startswith("#"):
            continue
        where = f"{path}, line {line}"
        cells = _cells(text, where)
        if rows and len(cells) != len(rows[0]):
            raise InputError(f"{where}: expected {len(rows[0])} numbers as in the lines before, found {len(cells)}")
        rows.append([csv_number({"cell": cell}, "cell", where) for cell in cells])
    if not rows:
        raise InputError(f"{path}: expected lines of numbers, found none")
    return np.array(rows)


def csv_number(cells: dict[str, str], column: str, where: str) -> float:
    """Return the number in a column: finite, with a decimal point, without a unit.

    Parameters
    ----------
    cells : dict
        Text of each column.
    column : str
        Which one.
    where : str
        File and line, for messages.

    Raises
    ------
    InputError
        The cell is empty, no number, or not finite.
    """
    text = cells[column]
    if not _NUMBER.fullmatch(text) or not math.isfinite(float(text)):
        raise InputError(f"{where}: {column} must be a finite number with a decimal point, found {describe(text)}")
    return float(text)


def _decode(content: bytes, where: str) -> str:
    if content.startswith(_UTF16):
        raise InputError(f"{where}: is UTF-16 text, expected CSV in UTF-8")
    if b"\0" in content:
        raise InputError(f"{where}: is a binary file (byte {content.index(0)} is 0), expected CSV text")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{where}: not UTF-8 text (byte {error.start}), expected CSV text") from None


def _header(
    lines: Iterator[tuple[int, str]], where: str, columns: Sequence[str], optional: Sequence[str]
) -> tuple[str, ...]:
    wanted = ",".join(columns)
    line, text = next(lines, (0, ""))
    if not line:
        raise InputError(f"{where}: is empty, expected the header {wanted} and rows")
    place = f"{where}, line {line}"
    found = tuple(_cells(text, place))
    if not set(columns) <= set(found) and len(found) == 1:
        _refuse_separators(text, place)
    missing = [name for name in columns if name not in found]
    if missing and any(_NUMBER.fullmatch(cell) for cell in found):
        raise InputError(f"{place}: the header is missing, expected {wanted}, found {describe(text.strip())}")
    if missing:
        raise InputError(f"{place}: the header lacks {', '.join(missing)}, expected {wanted}, found {_short(found)}")
    unknown = [name for name in found if name not in columns and name not in optional]
    if unknown:
        raise InputError(f"{place}: unknown column {describe(unknown[0])}, allowed: {', '.join([*columns, *optional])}")
    twice = [name for name in found if found.count(name) > 1]
    if twice:
        raise InputError(f"{place}: the column {twice[0]} stands twice")
    return found


def _row(text: str, place: str, header: tuple[str, ...]) -> dict[str, str]:
    cells = _cells(text, place)
    if len(cells) != len(header):
        _refuse_separators(text, place)
        hint = "; numbers need decimal points, not commas" if len(cells) > len(header) else ""
        raise InputError(f"{place}: expected {len(header)} values ({','.join(header)}), found {len(cells)}{hint}")
    return dict(zip(header, cells, strict=True))


def _refuse_separators(text: str, place: str) -> None:
    for separator, name in ((";", "';'"), ("\t", "tabs")):
        if separator in text:
            raise InputError(f"{place}: found {name} between the columns, expected commas and decimal points")


def _cells(text: str, place: str) -> list[str]:
    try:
        return [cell.strip() for cell in next(csv.reader([text], strict=True, skipinitialspace=True))]
    except csv.Error as error:
        raise InputError(f"{place}: not CSV: {error}") from None


def _short(names: Sequence[str]) -> str:
    return describe(",".join(names))
