"""The Penn Treebank in Mikolov's splits as a text of characters, from word files or character files.

The text is owned by the Linguistic Data Consortium (LDC99T42); it is neither shipped nor fetched. Each sentence is a
line. Its words, already lower-cased, with numbers as ``N`` and rare words as ``<unk>``, are joined by ``_``, and the
line's end is a symbol: 5,017,482 / 393,042 / 442,423 symbols of 50.

References
----------
T. Mikolov et al., "Subword language modeling with neural networks" (2012), http://www.fit.vutbr.cz/~imikolov/rnnlm/
"""

from pathlib import Path

from memramp.errors import InputError
from memramp.models.character_set import TEXT_SPLITS, CharacterSet, TextSplit, from_texts, symbols_of
from memramp.models.text_files import read_text

WORD_FILES: dict[TextSplit, str] = {
    "training": "ptb.train.txt",
    "validation": "ptb.valid.txt",
    "testing": "ptb.test.txt",
}
CHARACTER_FILES: dict[TextSplit, str] = {split: name.replace("ptb.", "ptb.char.") for split, name in WORD_FILES.items()}

HOW_TO_GET = (
    "its text is the LDC's (LDC99T42) and does not come with memramp; users commonly have ptb.train.txt, "
    "ptb.valid.txt and ptb.test.txt from the folder 'data' of Mikolov's simple-examples package"
)


def load_penn_treebank(root: Path | None) -> CharacterSet:
    """Load the three parts; where word files and character files are there, the word files are read.

    Parameters
    ----------
    root : path or None
        Folder of ``ptb.train.txt``, ``ptb.valid.txt``, ``ptb.test.txt`` (words between single spaces) or of
        ``ptb.char.train.txt`` and so on (symbols between single spaces, ``_`` between words).

    Raises
    ------
    InputError
        The folder is not set, missing, or lacks a file, or a file is broken or has a symbol that is not in the
        training part.
    """
    if root is None:
        raise InputError(
            f"task.root: the folder of the Penn Treebank is not set; {HOW_TO_GET}; name their folder "
            f"(--set task.root=DIR)"
        )
    root = root.expanduser()
    names = _names(root)
    reads = _words if names is WORD_FILES else _characters
    texts: dict[TextSplit, str] = {split: reads(root / names[split]) for split in TEXT_SPLITS}
    where: dict[TextSplit, str] = {split: str(root / names[split]) for split in TEXT_SPLITS}
    return from_texts(texts, symbols_of(texts["training"]), "Penn Treebank", where)


def _names(root: Path) -> dict[TextSplit, str]:
    """Return the names of the files that are there: those of the words, else those of the characters."""
    if not root.is_dir():
        raise InputError(f"{root}: no such folder of the Penn Treebank; {HOW_TO_GET}")
    found = [names for names in (WORD_FILES, CHARACTER_FILES) if any((root / n).exists() for n in names.values())]
    for names in found:
        if all((root / name).exists() for name in names.values()):
            return names
    missing = [name for name in (found or [WORD_FILES])[0].values() if not (root / name).exists()]
    raise InputError(f"{root}: {missing[0]} of the Penn Treebank is missing; {HOW_TO_GET}")


def _lines(path: Path) -> list[str]:
    return read_text(path).removesuffix("\n").split("\n")


def _words(path: Path) -> str:
    """Return a file of words as text: spaces become ``_``."""
    lines = _lines(path)
    if number := next((i for i, line in enumerate(lines, 1) if "_" in line), None):
        raise InputError(
            f"{path}, line {number}: a word has '_', which stands for a space here; files of characters are named "
            f"{', '.join(CHARACTER_FILES.values())}"
        )
    return "".join(line.strip().replace(" ", "_") + "\n" for line in lines)


def _characters(path: Path) -> str:
    """Return a file of characters as text, the same as that of the words.

    A ``_`` at the end of a line goes: the 5,059,550 training symbols of some works are one more for each of the
    42,068 lines.
    """
    return "".join(_joined(line, i, path) + "\n" for i, line in enumerate(_lines(path), 1))


def _joined(line: str, number: int, path: Path) -> str:
    symbols = line.split()
    if long := next((symbol for symbol in symbols if len(symbol) > 1), None):
        raise InputError(f"{path}, line {number}: {long[:40]!r} is no single character between spaces")
    return "".join(symbols).strip("_")
