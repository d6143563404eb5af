"""The embedded text: English prose of Python's own documentation topics, which every CPython brings along.

`pydoc_data.topics` holds the sections of the language reference that ``help("topic")`` prints: prose with code,
grammar, tables and markup in between. What is kept are sentences in a small alphabet; see `sentences`. The text
differs a little between Python versions, so numbers compare within a version only; the vocabulary and the topics of
each part do not.
"""

import platform
import re
from collections.abc import Iterator, Mapping
from hashlib import blake2b

from memramp.errors import InputError
from memramp.models.character_set import TEXT_SPLITS, CharacterSet, TextSplit, from_texts

TOPICS_VOCABULARY = tuple(sorted("\n abcdefghijklmnopqrstuvwxyz0123456789'(),-./:;?!_"))
"""Fifty symbols, whatever the Python version (our choice): lower case as in the Penn Treebank, since a text this short
teaches capitals poorly, and the punctuation of prose and of names such as ``__init__()``; no symbols of code."""

# Of 1,000 salts tried, two put 4.8 to 6 % into each small part for Python 3.11, 3.12 and 3.13; this one's parts share
# fewer passages.
_SALT = b"topics933"
_SHARES = {"testing": 0.05, "validation": 0.10}  # upper bounds of the hash

_FOLDED = str.maketrans(
    {"\u2018": "'", "\u2019": "'", "\u2013": "-", "\u2014": "-", "\u2026": "...", "\u00df": "ss"}
    | dict.fromkeys('\u201c\u201d"*`')
)
_ITEM = re.compile(r"(?:[*-]|\[?[0-9]+[.\]]) +")
_BETWEEN_SENTENCES = re.compile(r'(?:(?<=[.?!])|(?<=[.?!]\))) +(?=[A-Z"\u201c(])')
_BROKEN_WORD = re.compile(r"(?<=[a-z])- (?=[a-z])")
_FOOTNOTE = re.compile(r"\s*\[[0-9]+\]")
_END = re.compile(r"[.:?!]\)?")
_WORD = re.compile(r"[a-z]+(?:['-][a-z]+)*")


def load_python_topics() -> CharacterSet:
    """Load the text of the running Python's topics.

    A topic belongs to one part, by a hash of its name. Some topics contain others: a sentence that stands in several
    is kept once, in the testing part before the validation part before the training part, so that no sentence of a
    test is trained on.

    Raises
    ------
    InputError
        This Python lacks the topics.
    """
    texts = split_topics(_topics())
    source = f"prose of the documentation topics of Python {platform.python_version()}"
    return from_texts(texts, TOPICS_VOCABULARY, source, dict.fromkeys(TEXT_SPLITS, "pydoc_data.topics"))


def _topics() -> Mapping[str, str]:
    try:
        from pydoc_data.topics import topics
    except ImportError:
        raise InputError(
            "task.kind: 'python_topics' needs the module pydoc_data.topics, which this Python lacks (some "
            "distributions leave it out); use a text file of yours instead (kind: text, file: FILE)"
        ) from None
    return topics


def split_topics(topics: Mapping[str, str]) -> dict[TextSplit, str]:
    """Return the text of each part, a sentence a line, topics in the order of their names."""
    seen: set[str] = set()
    texts: dict[TextSplit, str] = {}
    for split in ("testing", "validation", "training"):
        names = sorted(name for name in topics if part_of(name) == split)
        lines = [line for name in names for line in sentences(topics[name]) if not _met(line, seen)]
        texts[split] = "".join(f"{line}\n" for line in lines)
    return texts


def part_of(name: str) -> TextSplit:
    """Return the part to which a topic belongs."""
    digest = blake2b(name.encode(), digest_size=8, person=_SALT).digest()
    place = int.from_bytes(digest, "little") / 2.0**64
    return "testing" if place < _SHARES["testing"] else "validation" if place < _SHARES["validation"] else "training"


def sentences(topic: str) -> Iterator[str]:
    """Yield the sentences of a topic, lower-cased, without quotes, emphasis, bullets and numbers of footnotes.

    A sentence has at least four words, seven in ten of them plain ones, ends as sentences do, and has no symbol
    outside the vocabulary: code, grammar, tables and headings are left out.
    """
    for block in re.split(r"\n[ \t]*\n", topic):
        for sentence in _BETWEEN_SENTENCES.split(_paragraph(block.strip("\n"))):
            line = " ".join(sentence.translate(_FOLDED).lower().split())
            if _is_prose(line):
                yield line


def _paragraph(block: str) -> str:
    """Return a block of lines as one line, without its bullet, or the term that it explains."""
    lines = block.split("\n")
    indents = [len(line) - len(line.lstrip()) for line in lines]
    if len(lines) > 1 and indents[1] > indents[0] and not _ITEM.match(lines[0].strip()):
        lines = lines[1:]
    line = _BROKEN_WORD.sub("-", " ".join(line.strip() for line in lines))
    return _FOOTNOTE.sub("", _ITEM.sub("", line, count=1) if _ITEM.match(line) else line)


def _is_prose(line: str) -> bool:
    words = [word.strip("'.,;:()?!") for word in line.split()]
    plain = sum(bool(_WORD.fullmatch(word)) for word in words)
    ends = _END.fullmatch(line[-1:]) or _END.fullmatch(line[-2:])
    return bool(ends) and len(words) >= 4 and plain >= 0.7 * len(words) and set(line) <= set(TOPICS_VOCABULARY)


def _met(line: str, seen: set[str]) -> bool:
    """Tell whether a sentence was met before, by its letters alone, and remember it."""
    letters = re.sub("[^a-z]", "", line)
    known = letters in seen
    seen.add(letters)
    return known
