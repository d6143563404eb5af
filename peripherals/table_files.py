"""Programming tables as files: CSV for people and pandas, JSON for programs; both hold the same.

CSV: lines ``# key: value``, then a header and one row a device. The first two lines are schema and checksum (see
`memramp.tablefile`), keys such as ``sigmoid.bits`` belong to a ramp, values are JSON. ``pandas.read_csv(path,
comment="#")`` reads the rows.

>>> from pathlib import Path
>>> from tempfile import TemporaryDirectory
>>> from memramp.devices import load_preset
>>> from memramp.peripherals import design_ramp, load_table, ramp_table, save_table
>>> device = load_preset("yang2025_150us")
>>> with TemporaryDirectory() as folder:
...     path = Path(folder) / "sigmoid.csv"
...     save_table(path, ramp_table(design_ramp("sigmoid", 5, "paper", device), device))
...     len(load_table(path).ramps["sigmoid"].rows)
37
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from memramp.config import StrictModel, describe, validate
from memramp.csvfile import Row, csv_number, parse_csv
from memramp.errors import InputError
from memramp.files import read_limited
from memramp.peripherals.table import RampTable, TableRamp
from memramp.peripherals.table_check import check_table
from memramp.peripherals.table_schema import RampSettings, TableRow
from memramp.tablefile import check_suffix, csv_lines, open_text, parse_json, seal_text, write_new_file

SCHEMA = "memramp-ramp-table 1"
SUFFIXES = (".csv", ".json")
MAX_BYTES = 64_000_000

_COLUMNS = tuple(TableRow.model_fields)
_INTEGERS = {"row", "clock", "polarity", "write_order", "code"}
_TEXTS = {"role", "write"}
_MAY_BE_EMPTY = {"threshold", "level", "output", "code"}


class _About(StrictModel):
    memramp: Annotated[str, Field(pattern=r"^[0-9A-Za-z.+-]{1,40}$")]
    revision: Annotated[int, Field(strict=True, ge=0, lt=10**9)]


def save_table(path: Path, table: RampTable, force: bool = False) -> None:
    """Write a programming table into a new file; the same table gives the same bytes.

    Raises
    ------
    InputError
        The name ends neither in ``.csv`` nor in ``.json``, or see `memramp.tablefile.write_new_file`.
    """
    write_new_file(path, table_bytes(table, check_suffix(path, SUFFIXES)), force=force)


def table_bytes(table: RampTable, suffix: str) -> bytes:
    """Return what `save_table` writes; `suffix` is ``.csv`` or ``.json``."""
    return seal_text(SCHEMA, _to_csv(table) if suffix == ".csv" else _to_json(table), suffix)


def load_table(path: Path) -> RampTable:
    """Read a programming table.

    Raises
    ------
    InputError
        No such file, another schema or version, a file that was changed after it was written, or contents that make no
        table; names file and line, what was found and what is allowed.
    """
    suffix, where = check_suffix(path, SUFFIXES), str(path)
    content = read_limited(path, MAX_BYTES)
    checksum = open_text(content, SCHEMA, suffix, where)
    about, ramps = (_from_csv if suffix == ".csv" else _from_json)(content, where)
    head = validate(_About, about, where)
    table = RampTable(ramps, head.revision, head.memramp, checksum)
    check_table(table, where)
    return table


def _settings(ramp: TableRamp) -> dict[str, Any]:
    plain = ramp.settings.model_dump(mode="json")
    return plain | {"function": _compact(plain["function"])}


def _compact(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is said, without what is not."""
    return {key: value for key, value in record.items() if value not in (None, [])}


def _to_csv(table: RampTable) -> str:
    lines = [f"# memramp: {json.dumps(table.memramp)}", f"# revision: {table.revision}"]
    for name, ramp in table.ramps.items():
        lines += [f"# {name}.{key}: {json.dumps(value)}" for key, value in _settings(ramp).items()]
    rows = [(name, *row.model_dump().values()) for name, ramp in table.ramps.items() for row in ramp.rows]
    return "\n".join(lines) + "\n" + csv_lines([("ramp", *_COLUMNS), *rows])


def _to_json(table: RampTable) -> str:
    lines = [f'  "memramp": {json.dumps(table.memramp)},', f'  "revision": {table.revision},', '  "ramps": {']
    for name, ramp in table.ramps.items():
        lines.append(f'    "{name}": {{')
        lines += [f'      "{key}": {json.dumps(value)},' for key, value in _settings(ramp).items()]
        rows = ",\n".join(f"        {json.dumps(row.model_dump())}" for row in ramp.rows)
        lines += ['      "rows": [', rows, "      ]", "    },"]
    lines[-1] = "    }"
    return "\n".join([*lines, "  }", "}"]) + "\n"


def _from_csv(content: bytes, where: str) -> tuple[dict[str, Any], dict[str, TableRamp]]:
    found = parse_csv(content, where, ("ramp", *_COLUMNS))
    about, settings = _preamble(found.comments[2:], where)
    rows: dict[str, list[TableRow]] = {name: [] for name in settings}
    for line, cells in found.rows:
        place = f"{where}, line {line}"
        name = cells.pop("ramp")
        if name not in rows:
            raise InputError(f"{place}: unknown ramp {describe(name)}, the file has: {', '.join(rows)}")
        if any(rows[later] for later in list(rows)[list(rows).index(name) + 1 :]):
            raise InputError(f"{place}: a row of the ramp {name} stands after those of another one")
        rows[name].append(validate(TableRow, _typed((line, cells), place), place))
    return about, {name: _ramp(name, values, tuple(rows[name]), where) for name, values in settings.items()}


def _preamble(comments: tuple[tuple[int, str], ...], where: str) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    about: dict[str, Any] = {}
    settings: dict[str, dict[str, Any]] = {}
    for line, text in comments:
        place = f"{where}, line {line}"
        key, colon, value = text.partition(": ")
        if not colon:
            raise InputError(f"{place}: expected '# key: value', found {describe(text)}")
        name, dot, inner = key.rpartition(".")
        into = settings.setdefault(name, {}) if dot else about
        if (inner if dot else key) in into:
            raise InputError(f"{place}: the key {describe(key)} stands twice")
        into[inner if dot else key] = parse_json(value, place)
    return about, settings


def _typed(row: Row, place: str) -> dict[str, Any]:
    return {column: _cell(row[1], column, place) for column in _COLUMNS}


def _cell(cells: dict[str, str], column: str, place: str) -> Any:
    if column in _TEXTS:
        return cells[column]
    if not cells[column] and column in _MAY_BE_EMPTY:
        return None
    if column in _INTEGERS:
        if not re.fullmatch(r"-?[0-9]{1,9}", cells[column]):
            raise InputError(f"{place}: {column} must be a whole number, found {describe(cells[column])}")
        return int(cells[column])
    return csv_number(cells, column, place)


def _from_json(content: bytes, where: str) -> tuple[dict[str, Any], dict[str, TableRamp]]:
    data = parse_json(content, where)
    if not isinstance(data, dict) or not isinstance(data.get("ramps"), dict):
        raise InputError(f"{where}: expected an object with the key 'ramps'")
    about = {key: value for key, value in data.items() if key not in ("schema", "sha256", "ramps")}
    ramps = {}
    for name, values in data["ramps"].items():
        at = f"{where}, ramps.{name[:64]}"
        if not isinstance(values, dict) or not isinstance(values.get("rows"), list):
            raise InputError(f"{at}: expected an object with the list 'rows'")
        rows = tuple(validate(TableRow, row, f"{at}.rows.{k}") for k, row in enumerate(values.pop("rows")))
        ramps[name] = _ramp(name, values, rows, where)
    return about, ramps


def _ramp(name: str, settings: dict[str, Any], rows: tuple[TableRow, ...], where: str) -> TableRamp:
    return TableRamp(name, validate(RampSettings, settings, f"{where}, ramp {name[:64]}"), rows)
