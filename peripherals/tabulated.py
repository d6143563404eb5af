"""An activation function from a table of points, interpolated without new extrema."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from memramp.csvfile import csv_number, read_csv_rows
from memramp.errors import InputError
from memramp.peripherals.function import FloatArray, Function, check_span, saturating
from memramp.peripherals.turning import Turn, matched, output_size, turning_indices

MIN_ROWS, MAX_ROWS = 3, 100_000
MAX_BYTES = 8_000_000


def function_from_table(path: Path, folds: Sequence[float] = ()) -> Function:
    """Return the function that passes through the points of a CSV file, if a ramp can realise it.

    Between points, it is the monotone cubic interpolant of Fritsch and Butland as SciPy has it, which turns at points
    of the table only [1]_. Beyond the first and the last point, it keeps their values.

    Parameters
    ----------
    path : Path
        UTF-8 text with the header ``x,y``, commas, decimal points, and 3 to 100,000 rows of ascending x; lines that
        start with ``#`` are skipped.
    folds : sequence of float
        Inputs at which the function turns, each within 1 % of the span [pre-activation].

    Raises
    ------
    InputError
        Names file and line, what was found and what is allowed.

    References
    ----------
    .. [1] Fritsch, Butland, SIAM J. Sci. Stat. Comput. 5, 300 (1984), doi 10.1137/0905021.
    """
    lines, x, y = _points(path)
    return function_from_points(path.stem, x, y, folds, path, lines)


def function_from_points(
    name: str, x: FloatArray, y: FloatArray, folds: Sequence[float], path: Path, lines: NDArray[np.int64] | None = None
) -> Function:
    """Return the function that passes through points; see `function_from_table`.

    Parameters
    ----------
    name : str
        Name in configurations, tables and figures.
    x, y : ndarray, [n]
        The points; x ascends.
    folds : sequence of float
        Inputs at which the function turns, each within 1 % of the span [pre-activation].
    path : Path
        File that the points stand in, for messages.
    lines : ndarray of int, [n], or None
        Their lines, for messages.
    """
    span = check_span((float(x[0]), float(x[-1])), str(path))
    least = 1e-9 * output_size(y, span, str(path))  # smaller turns are rounding
    turns = turning_indices(y, least)
    found = [Turn(float(x[k]), "maximum" if direction > 0 else "minimum") for k, direction in turns]
    where = f"{path}, line {lines[turns[0][0]]}: the table" if turns and lines is not None else str(path)
    places = matched(found, folds, span, where)
    cubic = _interpolant(path, x, y)
    # SciPy takes the last point as the end of the last cubic, which rounding may leave beside it.
    held, slope = saturating(lambda v: np.where(v < x[-1], cubic(v), y[-1]), cubic.derivative(), span)
    formula, source = f"{name}.csv, {x.size} points", f"table {name}.csv"
    return Function(name, formula, held, slope, domain=span, span=span, folds=places, source=source, points=(x, y))


def _points(path: Path) -> tuple[NDArray[np.int64], FloatArray, FloatArray]:
    rows = read_csv_rows(path, ("x", "y"), MAX_BYTES)
    if not MIN_ROWS <= len(rows) <= MAX_ROWS:
        raise InputError(f"{path}: a table has {MIN_ROWS} to {MAX_ROWS} rows, found {len(rows)}")
    x, y = (
        np.array([csv_number(cells, column, f"{path}, line {line}") for line, cells in rows]) for column in ("x", "y")
    )
    lines = np.array([line for line, _ in rows])
    wrong = np.flatnonzero(~(x[1:] > x[:-1]))
    if wrong.size:
        k = int(wrong[0]) + 1
        raise InputError(f"{path}, line {lines[k]}: x must ascend, found {x[k]:.9g} after {x[k - 1]:.9g}")
    return lines, x, y


def _interpolant(path: Path, x: FloatArray, y: FloatArray) -> PchipInterpolator:
    steep = InputError(f"{path}: the table changes too steeply to be interpolated")
    try:
        with np.errstate(all="ignore"):
            cubic = PchipInterpolator(x, y)
    except ValueError:  # slopes overflowed
        raise steep from None
    if not np.isfinite(cubic.c).all():
        raise steep
    return cubic
