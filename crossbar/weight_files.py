"""Tables and read-backs of weights as files: CSV for small arrays, safetensors for large ones.

CSV tables have lines ``# key: value`` with the schema and the checksum first (see `memramp.tablefile`), then
``array,row,column,device,target_uS,tolerance_uS`` with a row a device. Of differential pairs, ``pos`` comes before
``neg``; other mappings have devices of other names, see `memramp.crossbar.mapping.Plane`. Safetensors tables have the
tensors ``NAME.pos``, ``NAME.neg``, ``NAME.tolerance_pos`` and ``NAME.tolerance_neg``, float64 [rows, columns], or of
those other names. Read-backs have the same forms: ``array,row,column,device,measured_uS`` in the table's order, or the
tensors ``NAME.pos`` and ``NAME.neg``; all conductances are in uS.
"""

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memramp.config import describe, validate
from memramp.crossbar.mapping import Devices, device_shapes
from memramp.crossbar.weight_table import (
    MAX_DEVICES,
    MAX_SIDE,
    WeightReadback,
    WeightSettings,
    WeightTable,
    WeightTargets,
    check_names,
    check_targets,
)
from memramp.csvfile import Row, csv_number, parse_csv
from memramp.devices.noise import FloatArray
from memramp.errors import InputError
from memramp.files import read_limited
from memramp.measured import check_places, check_unit, check_unit_of_header, conductance, whole_number
from memramp.quantities import MAX_MICROSIEMENS
from memramp.tablefile import (
    check_suffix,
    csv_lines,
    open_tensors,
    open_text,
    parse_json,
    read_tensors,
    seal_tensors,
    seal_text,
    write_new_file,
)

SCHEMA = "memramp-weight-table 1"
SUFFIXES = (".csv", ".safetensors")
MAX_CSV_DEVICES = 500_000
MAX_CSV_BYTES = 64_000_000
MAX_TENSOR_BYTES = 4_000_000_000

_COLUMNS = ("array", "row", "column", "device")
_Place = tuple[str, int, int, str]
_Shapes = Mapping[str, Mapping[str, tuple[int, int]]]
"""Shape of each plane of each array."""


def save_weight_table(path: Path, table: WeightTable, force: bool = False) -> None:
    """Write a table of weights into a new file; the same table gives the same bytes.

    Raises
    ------
    InputError
        The name ends neither in ``.csv`` nor in ``.safetensors``, there are too many devices for CSV, or see
        `memramp.tablefile.write_new_file`.
    """
    write_new_file(path, weight_table_bytes(table, check_suffix(path, SUFFIXES)), force=force)


def weight_table_bytes(table: WeightTable, suffix: str) -> bytes:
    """Return what `save_weight_table` writes; `suffix` is ``.csv`` or ``.safetensors``."""
    left_out = set() if table.settings.clips else {"clips"}
    said = table.settings.model_dump(mode="json", exclude=left_out)
    about = {key: json.dumps(value) for key, value in said.items()}
    about["arrays"] = json.dumps({name: part.shape for name, part in table.arrays.items()})
    if suffix == ".safetensors":
        tensors = {
            f"{name}.{prefix}{plane}": numbers
            for name, part in table.arrays.items()
            for prefix, devices in (("", part.target), ("tolerance_", part.tolerance))
            for plane, numbers in devices.items()
        }
        return seal_tensors(SCHEMA, tensors, about)
    if table.devices > MAX_CSV_DEVICES:
        raise InputError(f"{table.devices} devices are too many for CSV (at most {MAX_CSV_DEVICES}); use .safetensors")
    rows = _csv_rows({name: (part.target, part.tolerance) for name, part in table.arrays.items()})
    preamble = "".join(f"# {key}: {value}\n" for key, value in about.items())
    return seal_text(SCHEMA, preamble + csv_lines([(*_COLUMNS, "target_uS", "tolerance_uS"), *rows]), suffix)


def load_weight_table(path: Path) -> WeightTable:
    """Read a table of weights.

    Raises
    ------
    InputError
        No such file, another schema or version, a file that was changed after it was written, or contents that make no
        table; names file and place, what was found and what is allowed.
    """
    suffix, where = check_suffix(path, SUFFIXES), str(path)
    table = _load_csv(path, where) if suffix == ".csv" else _load_tensors(path, where)
    check_targets(table, where)
    return table


def read_back_weights(path: Path, table: WeightTable) -> WeightReadback:
    """Read what was measured on the devices of a table of weights.

    Parameters
    ----------
    path : Path
        CSV or safetensors file; see the module's description.
    table : WeightTable
        What was programmed.

    Raises
    ------
    InputError
        Devices that are missing, stand twice, are in another order or unknown; conductances that are no number of uS.
    """
    suffix, where = check_suffix(path, SUFFIXES), str(path)
    content = read_limited(path, MAX_CSV_BYTES if suffix == ".csv" else MAX_TENSOR_BYTES)
    read = _measured_from_csv if suffix == ".csv" else _measured_from_tensors
    shapes = {
        name: {plane: wanted.shape for plane, wanted in part.target.items()} for name, part in table.arrays.items()
    }
    measured = read(content, shapes, where)
    for name, devices in measured.items():
        check_unit(_flat(devices), _flat(table.arrays[name].target), where)
    return WeightReadback(measured, where, sha256(content).hexdigest())


def write_weight_readback(path: Path, measured: Mapping[str, Devices], force: bool = False) -> None:
    """Write conductances as a laboratory would, CSV or safetensors.

    Raises
    ------
    InputError
        Another ending, there is such a file, or it cannot be written.
    """
    if check_suffix(path, SUFFIXES) == ".csv":
        rows = _csv_rows({name: (devices,) for name, devices in measured.items()})
        content = csv_lines([(*_COLUMNS, "measured_uS"), *rows]).encode()
    else:
        tensors = {f"{name}.{plane}": found for name, devices in measured.items() for plane, found in devices.items()}
        content = seal_tensors("memramp-weight-readback 1", tensors, {})
    write_new_file(path, content, force=force)


def _flat(devices: Devices) -> FloatArray:
    return np.concatenate([numbers.ravel() for numbers in devices.values()])


def _csv_rows(arrays: Mapping[str, Sequence[Devices]]) -> list[tuple[object, ...]]:
    shapes = {name: {plane: numbers.shape for plane, numbers in values[0].items()} for name, values in arrays.items()}
    return [
        (*place, *(float(devices[place[3]][place[1], place[2]]) for devices in arrays[place[0]]))
        for place in _places(shapes)
    ]


def _places(shapes: _Shapes) -> list[_Place]:
    """Return the devices of arrays in the order of a file: row by row, column by column, plane by plane."""
    return [
        (name, row, column, plane)
        for name, planes in shapes.items()
        for row, column in product(*map(range, next(iter(planes.values()))))
        for plane, (_, columns) in planes.items()
        if column < columns
    ]


def _load_csv(path: Path, where: str) -> WeightTable:
    content = read_limited(path, MAX_CSV_BYTES)
    checksum = open_text(content, SCHEMA, ".csv", where)
    found = parse_csv(content, where, (*_COLUMNS, "target_uS", "tolerance_uS"))
    about: dict[str, Any] = {}
    for line, text in found.comments[2:]:
        key, colon, value = text.partition(": ")
        if not colon or key in about:
            raise InputError(f"{where}, line {line}: expected '# key: value' with a new key, found {describe(text)}")
        about[key] = parse_json(value, f"{where}, line {line}")
    shapes = _shapes(about.pop("arrays", None), where)
    settings = validate(WeightSettings, about, where)
    values = _grids(found.rows, _planes(shapes, settings, MAX_CSV_DEVICES, where), ("target_uS", "tolerance_uS"), where)
    arrays = {name: WeightTargets(*devices) for name, devices in values.items()}
    return WeightTable(settings, arrays, checksum)


def _shapes(data: Any, where: str) -> dict[str, tuple[int, int]]:
    if not isinstance(data, dict):
        raise InputError(f"{where}: expected the shapes of all arrays under the key 'arrays', found {describe(data)}")
    check_names(list(data), where)
    for name, shape in data.items():
        sizes = shape if isinstance(shape, list) and len(shape) == 2 else [0]
        if not all(type(size) is int and 1 <= size <= MAX_SIDE for size in sizes):
            wanted = f"two numbers of 1 to {MAX_SIDE}"
            raise InputError(f"{where}: the shape of array {name} is {wanted}, found {describe(shape)}")
    return {name: (rows, columns) for name, (rows, columns) in data.items()}


def _planes(shapes: Mapping[str, tuple[int, int]], settings: WeightSettings, most: int, where: str) -> _Shapes:
    """Return the shapes of the planes of devices that arrays have."""
    try:
        found = {name: device_shapes(shape, settings.crossbar) for name, shape in shapes.items()}
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
    if sum(rows * columns for planes in found.values() for rows, columns in planes.values()) > most:
        raise InputError(f"{where}: has more than {most} devices")
    return found


def _grids(
    rows: Sequence[Row], shapes: _Shapes, columns: Sequence[str], where: str
) -> dict[str, list[dict[str, FloatArray]]]:
    """Return the numbers of some columns for each device of each array."""
    only = next(iter(shapes))
    found = [_place(row, only, where) for row in rows]
    check_places(found, _places(shapes), [line for line, _ in rows], where)
    made = {name: [_blank(planes) for _ in columns] for name, planes in shapes.items()}
    for number, column in enumerate(columns):
        read = conductance if column == "measured_uS" else _number(column)
        for (name, row, place, plane), (line, cells) in zip(found, rows, strict=True):
            made[name][number][plane][row, place] = read(cells, f"{where}, line {line}")
    return made


def _blank(planes: Mapping[str, tuple[int, int]]) -> dict[str, FloatArray]:
    return {plane: np.empty(shape) for plane, shape in planes.items()}


def _number(column: str) -> Any:
    return lambda cells, place: csv_number(cells, column, place)


def _place(found: Row, only: str, where: str) -> _Place:
    line, cells = found
    place = f"{where}, line {line}"
    row, column = (whole_number(cells, key, place) for key in ("row", "column"))
    return cells.get("array", only), row, column, cells["device"]


def _load_tensors(path: Path, where: str) -> WeightTable:
    tensors, about = open_tensors(read_limited(path, MAX_TENSOR_BYTES), SCHEMA, where)
    checksum = about.pop("sha256")
    about.pop("schema")
    said = {key: parse_json(text, f"{where}, {key}") for key, text in about.items()}
    shapes = _shapes(said.pop("arrays", None), where)
    settings = validate(WeightSettings, said, where)
    arrays = {}
    for name, planes in _planes(shapes, settings, MAX_DEVICES, where).items():
        target, tolerance = (
            {plane: _tensor(tensors, f"{name}.{prefix}{plane}", shape, where) for plane, shape in planes.items()}
            for prefix in ("", "tolerance_")
        )
        arrays[name] = WeightTargets(target, tolerance)
    _refuse_others(tensors, where)
    return WeightTable(settings, arrays, checksum)


def _measured_from_csv(content: bytes, shapes: _Shapes, where: str) -> dict[str, dict[str, FloatArray]]:
    header = check_unit_of_header(content, where)
    columns = _COLUMNS if "array" in header or len(shapes) > 1 else _COLUMNS[1:]
    rows = parse_csv(content, where, (*columns, "measured_uS")).rows
    return {name: devices[0] for name, devices in _grids(rows, shapes, ("measured_uS",), where).items()}


def _measured_from_tensors(content: bytes, shapes: _Shapes, where: str) -> dict[str, dict[str, FloatArray]]:
    tensors, _ = read_tensors(content, where)
    measured = {
        name: {plane: _tensor(tensors, f"{name}.{plane}", shape, where) for plane, shape in planes.items()}
        for name, planes in shapes.items()
    }
    _refuse_others(tensors, where)
    return measured


def _tensor(tensors: dict[str, NDArray[Any]], key: str, shape: tuple[int, int], where: str) -> FloatArray:
    """Take one tensor out, checked."""
    if key not in tensors:
        raise InputError(f"{where}: the tensor {key} is missing")
    tensor = tensors.pop(key)
    if tensor.shape != shape:
        raise InputError(f"{where}: the tensor {key} must have the shape {shape}, found {tensor.shape}")
    if tensor.dtype not in (np.float32, np.float64):
        raise InputError(f"{where}: the tensor {key} must hold float32 or float64, found {tensor.dtype}")
    numbers = tensor.astype(np.float64)
    if not np.all((numbers >= 0.0) & (numbers <= MAX_MICROSIEMENS)):
        raise InputError(f"{where}: the tensor {key} must hold numbers of 0 to {MAX_MICROSIEMENS:g} uS")
    return numbers


def _refuse_others(tensors: Mapping[str, NDArray[Any]], where: str) -> None:
    if tensors:
        raise InputError(f"{where}: unknown tensor {describe(min(tensors))}")
