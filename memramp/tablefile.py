"""Tables that leave the program and come back: a schema with a version, and a checksum that finds every changed byte.

A text table (CSV or JSON) has the schema in one line and the checksum in the next: the SHA-256 of all bytes of the file
but that line. So ``sed 2d table.csv | sha256sum`` and ``sed 3d table.json | sha256sum`` print it. In a safetensors
file, both stand in the metadata, and the checksum is that of the file with 64 zeros in its place.
"""

import csv
import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from memramp.errors import InputError
from memramp.files import in_fixed_order, write_atomically

_ZEROS = "0" * 64
_START = {".csv": "", ".json": "{\n"}
_SCHEMA = {".csv": "# schema: {}\n", ".json": '  "schema": "{}",\n'}
_CHECKSUM = {".csv": "# sha256: {}\n", ".json": '  "sha256": "{}",\n'}
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_LOOKED_AT = 300  # bytes at the beginning of a file, in which a schema would stand


def seal_text(schema: str, rest: str, suffix: str) -> bytes:
    """Return the contents of a text table.

    Parameters
    ----------
    schema : str
        Name and version, such as ``memramp-ramp-table 1``.
    rest : str
        What follows the line of the checksum; for JSON, members of the outermost object and its closing brace.
    suffix : {".csv", ".json"}
        Form of the file.
    """
    head = _START[suffix] + _SCHEMA[suffix].format(schema)
    digest = sha256((head + rest).encode()).hexdigest()
    return (head + _CHECKSUM[suffix].format(digest) + rest).encode()


def open_text(content: bytes, schema: str, suffix: str, where: str) -> str:
    """Check schema and checksum of a text table and return the checksum.

    Raises
    ------
    InputError
        The file is none of this schema, has another version, or is not as it was written.
    """
    start = (_START[suffix] + _SCHEMA[suffix].format(schema)).encode()
    if not content.startswith(start):
        _refuse_start(content, schema, suffix, where)
    line, _, rest = content[len(start) :].partition(b"\n")
    pattern = re.escape(_CHECKSUM[suffix].rstrip("\n")).replace(r"\{\}", "([0-9a-f]{64})")
    found = re.fullmatch(pattern.encode(), line)
    if found is None or sha256(start + rest).hexdigest().encode() != found[1]:
        _refuse_changed(content, suffix, where)
    return found[1].decode()


def seal_tensors(schema: str, tensors: Mapping[str, NDArray[Any]], about: Mapping[str, str]) -> bytes:
    """Return the contents of a safetensors table; `about` is its further metadata."""
    metadata = {**about, "schema": schema, "sha256": _ZEROS}
    content = in_fixed_order(save({name: np.ascontiguousarray(part) for name, part in tensors.items()}, metadata))
    return content.replace(_ZEROS.encode(), sha256(content).hexdigest().encode(), 1)


def open_tensors(content: bytes, schema: str, where: str) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """Check schema and checksum of a safetensors table and return its tensors and metadata.

    Raises
    ------
    InputError
        The file is damaged, none of this schema, has another version, or is not as it was written.
    """
    tensors, about = read_tensors(content, where)
    if about.get("schema") != schema:
        found = f"the schema {about['schema'][:60]!r}" if "schema" in about else "no schema"
        raise InputError(f"{where}: has {found}, this program reads '{schema}'")
    digest = about.get("sha256", "").encode()
    if content.count(digest) != 1 or sha256(content.replace(digest, _ZEROS.encode())).hexdigest().encode() != digest:
        _refuse_changed(content, ".safetensors", where)
    return tensors, about


def read_tensors(content: bytes, where: str) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """Return tensors and metadata of any safetensors file.

    Raises
    ------
    InputError
        The file is damaged.
    """
    try:
        tensors = load(content)
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    except (SafetensorError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(f"{where}: damaged or no safetensors file ({str(error).splitlines()[0]})") from None
    return tensors, dict(header.get("__metadata__", {}))


def parse_json(text: str | bytes, where: str) -> Any:
    """Return what JSON text, or its UTF-8 bytes, stand for; keys that stand twice, NaN and infinities are refused.

    Raises
    ------
    InputError
        Says what was found.
    """
    try:
        text = text if isinstance(text, str) else text.decode("utf-8")
        return json.loads(text, object_pairs_hook=_without_doubles, parse_constant=_refuse_constant)
    except RecursionError:
        raise InputError(f"{where}: nested too deeply") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{where}: not UTF-8 text (byte {error.start})") from None
    except ValueError as error:
        raise InputError(f"{where}: not JSON: {error}") from None


def csv_lines(rows: Iterable[Sequence[object]]) -> str:
    """Return rows as CSV; numbers with all their digits, None as an empty cell."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def write_new_file(path: Path, content: bytes, *, force: bool = False) -> None:
    """Write a file, whole or not at all.

    Parameters
    ----------
    path : Path
        The file; its folder must exist.
    content : bytes
        What it is to hold.
    force : bool
        Whether it may replace one that is there.

    Raises
    ------
    InputError
        There is such a file, no such folder, or the operating system refuses.
    """
    check_place(path, force=force)
    try:
        write_atomically(path, content)
    except OSError as error:
        raise InputError(f"{path}: {(error.strerror or str(error)).lower()}") from None


def check_place(path: Path, *, force: bool = False) -> None:
    """Check that a file may be written; see `write_new_file`.

    Raises
    ------
    InputError
        There is such a file, no such folder, or the operating system refuses.
    """
    try:
        if not path.parent.is_dir():
            raise InputError(f"{path}: no such folder as {path.parent}")
        if path.is_dir():
            raise InputError(f"{path}: is a folder; a file is needed")
        if path.exists() and not force:
            raise InputError(f"{path}: the file exists already; choose another name, or replace it with --force")
    except OSError as error:
        raise InputError(f"{path}: {(error.strerror or str(error)).lower()}") from None


def check_suffix(path: Path, allowed: Sequence[str]) -> str:
    """Return the ending of a file's name in lower case.

    Raises
    ------
    InputError
        It is none of those allowed.
    """
    if path.suffix.lower() not in allowed:
        raise InputError(f"{path}: the name must end in {' or '.join(allowed)}")
    return path.suffix.lower()


def _refuse_start(content: bytes, schema: str, suffix: str, where: str) -> NoReturn:
    name, _, version = schema.rpartition(" ")
    encoding = "utf-16" if content.startswith(_UTF16) else "utf-8"
    beginning = content[:_LOOKED_AT].decode(encoding, "replace")
    found = re.search(rf"schema\W{{1,6}}{re.escape(name)} ([0-9]{{1,9}})", beginning)
    if found is not None and found[1] != version:
        raise InputError(f"{where}: has the schema '{name} {found[1]}', this program reads '{schema}'")
    if found is not None:
        _refuse_changed(content, suffix, where)
    if b"\0" in content:
        raise InputError(f"{where}: is a binary file (byte {content.index(0)} is 0), expected a {name}")
    line = (_START[suffix] + _SCHEMA[suffix].format(schema)).split("\n")[-2].strip()
    raise InputError(f"{where}: is no {name}, which has the line {line} at its beginning")


def _refuse_changed(content: bytes, suffix: str, where: str) -> NoReturn:
    if content.startswith((*_UTF16, b"\xef\xbb\xbf")):
        hint = "; its encoding is another"
    elif suffix != ".safetensors" and b"\r" in content:
        hint = "; its line endings are others"
    elif suffix == ".csv" and any(b";" in line for line in content.splitlines() if not line.startswith((b"#", b'"#'))):
        hint = "; it has semicolons between the columns, as spreadsheets write them"
    else:
        hint = ""
    raise InputError(
        f"{where}: was changed after it was written (its checksum does not fit{hint}); take the original, or export "
        "it anew"
    )


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the key {next(name for name in names if names.count(name) > 1)[:60]!r} stands twice")
    return made


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"numbers must be finite, found {text}")
