"""Devices of NeuroSim: the file ``mem_states.csv`` of its inference simulator (V1.5).

The file has a row for each state of a cell with the mean and the standard deviation of what is measured on it; of the
header, the columns ``mean`` and ``std`` matter, whatever the first is called (``states`` in published files), and
NeuroSim takes both in siemens (in farads for capacitive cells, which are no devices here). States count from the least
conductance on.
"""

from pathlib import Path
from typing import Literal

import numpy as np

from memramp.csvfile import csv_number, parse_csv
from memramp.devices.device import MAX_LEVELS, Device
from memramp.devices.programming_noise import SigmaTableNoise
from memramp.errors import InputError
from memramp.files import read_limited
from memramp.measured import check_not_siemens
from memramp.quantities import MAX_MICROSIEMENS

Unit = Literal["S", "mS", "uS", "nS"]

_FACTORS: dict[str, float] = {"S": 1e6, "mS": 1e3, "uS": 1.0, "nS": 1e-3}
_MAX_BYTES = 10_000_000
_NAMES = ("state", "states")
_TINY = 1e-12  # S: what lies below it altogether is no conductance in siemens


def load_mem_states(path: Path, unit: Unit = "S") -> Device:
    """Read the states of a NeuroSim cell as a device with finite levels.

    The levels are the means, the window reaches from the least to the greatest, and each level has a Gaussian error of
    its standard deviation (`SigmaTableNoise`), drawn once at programming. NeuroSim itself may draw a negative
    conductance; here it is clipped at 0.

    Parameters
    ----------
    path : Path
        CSV with the columns ``mean`` and ``std``, and optionally ``state`` or ``states``.
    unit : {"S", "mS", "uS", "nS"}
        Unit of both columns; NeuroSim's is S.

    Raises
    ------
    InputError
        Names file and line, what was found and what is allowed.
    """
    if unit not in _FACTORS:
        raise InputError(f"the unit must be one of {', '.join(_FACTORS)}, found '{unit}'")
    content = parse_csv(read_limited(Path(path), _MAX_BYTES), str(path), ("mean", "std"), _NAMES)
    if not 2 <= len(content.rows) <= MAX_LEVELS:
        raise InputError(f"{path}: expected 2 to {MAX_LEVELS} states, one a row, found {len(content.rows)}")
    _check_states(content.columns, content.rows, path)
    places = [(line, cells, f"{path}, line {line}") for line, cells in content.rows]
    means = [_conductance(cells, "mean", at, unit) for _, cells, at in places]
    stds = [_conductance(cells, "std", at, unit) for _, cells, at in places]
    for (line, *_), lower, upper in zip(places[1:], means[:-1], means[1:], strict=True):
        if upper <= lower:
            raise InputError(f"{path}, line {line}: the means must rise, found {upper:g} uS after {lower:g} uS")
    _check_size(np.array(means), path, unit)
    noise = SigmaTableNoise(targets=tuple(means), sigmas=tuple(stds))
    return Device(g_min=means[0], g_max=means[-1], levels=tuple(means), prog_noise=noise)


def _conductance(cells: dict[str, str], column: str, at: str, unit: Unit) -> float:
    value = csv_number(cells, column, at) * _FACTORS[unit]
    if not 0.0 <= value <= MAX_MICROSIEMENS:
        raise InputError(f"{at}: {column} must lie between 0 and 1 S, found {cells[column]} {unit}")
    # 2.30E-05 S is 23 uS, not 23.000000000000004
    return float(f"{value:.12g}")


def _check_states(columns: tuple[str, ...], rows: tuple[tuple[int, dict[str, str]], ...], path: Path) -> None:
    name = next((name for name in columns if name in _NAMES), None)
    for i, (line, cells) in enumerate(rows):
        if name is not None and csv_number(cells, name, f"{path}, line {line}") != i:
            raise InputError(f"{path}, line {line}: expected state {i}, found {cells[name]}; states count from 0")


def _check_size(means: np.ndarray[tuple[int, ...], np.dtype[np.float64]], path: Path, unit: Unit) -> None:
    if unit == "S" and means.max() < _TINY * 1e6:
        raise InputError(
            f"{path}: the largest mean is {means.max() / 1e6:.3g} S, which looks like a capacitance; capacitive cells "
            "are not supported"
        )
    if unit != "S":
        check_not_siemens(means, f"mean, read in {unit},", str(path), "give the unit S, which is NeuroSim's")
