"""Text files of the user's own: one, cut into three parts, or three."""

from pathlib import Path

from memramp.errors import InputError
from memramp.files import read_limited
from memramp.models.character_set import TEXT_SPLITS, CharacterSet, TextSplit, from_texts, symbols_of

MAX_TEXT_BYTES = 120_000_000
"""Largest text file that is read: the usual benchmarks of 100 MB fit."""

_REACH = 0.01
"""A cut moves back to a line end within this fraction of the text, if there is one."""


def read_text(path: Path) -> str:
    """Read a UTF-8 text; a byte order mark is dropped, and line ends of two characters become one.

    Raises
    ------
    InputError
        The file is missing, no file, too large, empty, not UTF-8, or holds a zero byte, which no text does.
    """
    content = read_limited(path, MAX_TEXT_BYTES)
    try:
        text = content.decode("utf-8").removeprefix("\ufeff").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text (byte {error.start}); convert it to UTF-8 first") from None
    if (zero := content.find(b"\0")) >= 0:
        raise InputError(f"{path}: no text, byte {zero} is zero; a text in UTF-8 is needed")
    if not text:
        raise InputError(f"{path}: is empty, a text is needed")
    return text


def load_one_file(path: Path, validation_fraction: float, testing_fraction: float) -> CharacterSet:
    """Load one file and cut it: training first, then validation, then testing.

    The vocabulary is that of the whole file, so that no rare symbol of its end is refused.

    Parameters
    ----------
    path : path
        Text file.
    validation_fraction, testing_fraction : float
        Parts of its symbols, 0 to 1, both together less than 1. A cut moves back to the nearest line end if there is
        one within a hundredth of the text.

    Raises
    ------
    InputError
        The file is none that `read_text` takes, or too short, or has too many different characters.
    """
    text = read_text(path)
    first = _cut(text, 1.0 - validation_fraction - testing_fraction)
    second = max(first, _cut(text, 1.0 - testing_fraction))
    texts: dict[TextSplit, str] = {
        "training": text[:first],
        "validation": text[first:second],
        "testing": text[second:],
    }
    return from_texts(texts, symbols_of(text), path.name, dict.fromkeys(TEXT_SPLITS, str(path)))


def load_three_files(paths: dict[TextSplit, Path]) -> CharacterSet:
    """Load a file for each part; the vocabulary is that of the training part.

    Raises
    ------
    InputError
        A file is none that `read_text` takes, or too short, or has a symbol that is not in the training part.
    """
    texts = {split: read_text(path) for split, path in paths.items()}
    where = {split: str(path) for split, path in paths.items()}
    return from_texts(texts, symbols_of(texts["training"]), paths["training"].name, where)


def _cut(text: str, fraction: float) -> int:
    """Return the index behind the last line end before a fraction of the text, or the index at that fraction."""
    target = round(fraction * len(text))
    return text.rfind("\n", max(0, target - round(_REACH * len(text))), target) + 1 or target
