"""Values of the options of ``memramp import``: names of classes, vectors."""

import io
import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from memramp.config import describe
from memramp.csvfile import read_matrix
from memramp.errors import InputError
from memramp.files import read_limited
from memramp.tablefile import parse_json

_MAX_NAMES = 10_000_000  # bytes
_MAX_VECTOR = 10_000_000  # bytes
_FILES = (".txt", ".json")


def class_names(option: str, text: str) -> tuple[str, ...]:
    """Return the names of classes.

    Parameters
    ----------
    option : str
        Name of the option, for messages.
    text : str
        Names with commas between them, a text file with a name a line, or a ``.json`` file with a list of texts (a
        vocabulary may hold line ends).

    Raises
    ------
    InputError
        A name is empty, or the file cannot be read.
    """
    path = Path(text)
    if path.suffix.lower() not in _FILES and ("," in text or not path.is_file()):
        names = [part.strip() for part in text.split(",")]
        where = option
    else:
        where = f"{option}: {text}"
        content = read_limited(path, _MAX_NAMES)
        names = _listed(content, where) if path.suffix.lower() == ".json" else _lines(content, where)
    if not names or not all(names):
        raise InputError(f"{where}: expected names that are not empty, found {describe(names)}")
    return tuple(names)


def _listed(content: bytes, where: str) -> list[str]:
    found = parse_json(content, where)
    if not isinstance(found, list) or not all(isinstance(name, str) for name in found):
        raise InputError(f"{where}: expected a list of texts, found {describe(found)}")
    return found


def _lines(content: bytes, where: str) -> list[str]:
    """Return the lines as they are, so that a blank may be a name."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{where}: not UTF-8 text (byte {error.start})") from None
    return [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")]


def vector(option: str, text: str) -> NDArray[np.float64]:
    """Return a number, or the numbers of a ``.npy`` or ``.csv`` file (one row or one column) as a vector.

    Raises
    ------
    InputError
        It is neither, or the numbers are not finite.
    """
    path = Path(text)
    if path.suffix.lower() not in (".npy", ".csv"):
        try:
            found = np.array([float(text)])
        except ValueError:
            raise InputError(f"{option}: expected a number or a .npy or .csv file, found {describe(text)}") from None
        if not math.isfinite(found[0]):
            raise InputError(f"{option}: expected a finite number, found {text}")
        return found
    numbers = read_matrix(path, _MAX_VECTOR) if path.suffix.lower() == ".csv" else _npy(path)
    if numbers.size == 0 or numbers.size != max(numbers.shape, default=1) or not np.isfinite(numbers).all():
        raise InputError(f"{option}: {text}: expected one row or column of finite numbers, found {list(numbers.shape)}")
    return numbers.ravel()


def _npy(path: Path) -> NDArray[np.float64]:
    content = read_limited(path, _MAX_VECTOR)
    try:
        found = np.load(io.BytesIO(content), allow_pickle=False)
    except (ValueError, EOFError, OSError, TypeError, SyntaxError, MemoryError, RecursionError):
        raise InputError(f"{path}: damaged or no .npy file of numbers") from None
    if not isinstance(found, np.ndarray) or found.dtype.kind not in "fiu" or found.dtype.itemsize > 8:
        raise InputError(f"{path}: expected an array of numbers")
    return found.astype(np.float64)
