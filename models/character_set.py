"""The form in which every text reaches a character language model: three parts as indices into one vocabulary."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from memramp.errors import InputError

TextSplit = Literal["training", "validation", "testing"]
Symbols = NDArray[np.uint8] | NDArray[np.uint16]

TEXT_SPLITS: tuple[TextSplit, ...] = get_args(TextSplit)

MAX_VOCABULARY = 1000
"""Most symbols of a vocabulary: beyond, it is no alphabet, and the network's ends outgrow its middle."""

MIN_PART_SYMBOLS = 100
"""Fewest symbols of a part: on fewer, bits per character say nothing."""

_CHUNK = 1 << 20  # symbols encoded at a time: four bytes each would make four times the text
_UNKNOWN = 0xFFFF


@dataclass(frozen=True, eq=False)
class CharacterSet:
    r"""A text as symbols, in three parts that share one vocabulary.

    Attributes
    ----------
    training, validation, testing : uint8 or uint16 arrays [symbols]
        Indices into `vocabulary`; uint8 where it has at most 256 symbols.
    vocabulary : tuple of str
        One symbol each, sorted by code point; the end of a line is ``"\n"``. Not every symbol need occur.
    description : str
        What this is, fit for a table's caption.
    sha256 : str
        Hash of the three parts and the vocabulary.
    """

    training: Symbols
    validation: Symbols
    testing: Symbols
    vocabulary: tuple[str, ...]
    description: str
    sha256: str

    def part(self, split: TextSplit) -> Symbols:
        """Return the symbols of one part."""
        return {"training": self.training, "validation": self.validation, "testing": self.testing}[split]

    def text(self, split: TextSplit) -> str:
        """Return one part as text."""
        points = np.array([ord(symbol) for symbol in self.vocabulary], "<u4")
        return points[self.part(split)].tobytes().decode("utf-32-le")

    def encoded_for(self, vocabulary: tuple[str, ...], name: str) -> "CharacterSet":
        """Return the same text as indices into another vocabulary, in the order given: that of a checkpoint.

        Parameters
        ----------
        vocabulary : tuple of str
            One symbol each.
        name : str
            Whose vocabulary it is, for the message.

        Raises
        ------
        InputError
            A symbol of the text is not in `vocabulary`, or `vocabulary` is none: a symbol stands twice, one has
            more than one character, or there are too many.
        """
        _check_vocabulary(vocabulary, name)
        places = {symbol: i for i, symbol in enumerate(vocabulary)}
        table = np.array([places.get(symbol, _UNKNOWN) for symbol in self.vocabulary], np.uint16)
        parts: dict[TextSplit, Symbols] = {split: table[self.part(split)] for split in TEXT_SPLITS}
        if any((part == _UNKNOWN).any() for part in parts.values()):
            strange = sorted(self._used() - set(vocabulary))
            raise InputError(f"{name}: its vocabulary lacks {_named(strange)} of the text ({self.description})")
        return from_indices(parts, vocabulary, self.description)

    def _used(self) -> set[str]:
        counts = sum(np.bincount(self.part(split), minlength=len(self.vocabulary)) for split in TEXT_SPLITS)
        return {self.vocabulary[i] for i in np.flatnonzero(counts)}


def from_texts(
    texts: Mapping[TextSplit, str], vocabulary: tuple[str, ...], source: str, where: Mapping[TextSplit, str]
) -> CharacterSet:
    """Encode three texts.

    Parameters
    ----------
    texts : mapping
        The text of each part.
    vocabulary : tuple of str
        Sorted; see `symbols_of`.
    source : str
        What the text is; the description adds the numbers of symbols.
    where : mapping
        What names each part in messages: its file.

    Raises
    ------
    InputError
        A part is too short or has a symbol that the vocabulary lacks, or there are too many symbols.
    """
    if len(vocabulary) > MAX_VOCABULARY:
        raise InputError(
            f"{where['training']}: {len(vocabulary)} different characters, allowed are at most {MAX_VOCABULARY}: "
            f"a text in an alphabet"
        )
    for split in TEXT_SPLITS:
        if len(texts[split]) < MIN_PART_SYMBOLS:
            raise InputError(
                f"{where[split]}: {len(texts[split])} characters are too few for {split} (at least {MIN_PART_SYMBOLS})"
            )
    parts = {split: encode(texts[split], vocabulary, where[split]) for split in TEXT_SPLITS}
    sizes = " / ".join(f"{len(parts[split]):,}" for split in TEXT_SPLITS)
    return from_indices(parts, vocabulary, f"{source}, {sizes} symbols of {len(vocabulary)}")


def from_indices(parts: Mapping[TextSplit, Symbols], vocabulary: tuple[str, ...], description: str) -> CharacterSet:
    """Put parts together in the smallest type and compute the hash, which does not depend on the type."""
    small = {split: _smallest(parts[split], len(vocabulary)) for split in TEXT_SPLITS}
    digest = sha256(json.dumps([list(vocabulary), *(len(small[split]) for split in TEXT_SPLITS)]).encode())
    for split in TEXT_SPLITS:
        digest.update(small[split].astype("<u2").data)
    return CharacterSet(
        training=small["training"],
        validation=small["validation"],
        testing=small["testing"],
        vocabulary=vocabulary,
        description=description,
        sha256=digest.hexdigest(),
    )


def symbols_of(text: str) -> tuple[str, ...]:
    """Return the different characters of a text, sorted by code point."""
    return tuple(sorted(set(text)))


def encode(text: str, vocabulary: tuple[str, ...], where: str) -> Symbols:
    """Return a text as indices into a vocabulary, uint16 [len(text)].

    Raises
    ------
    InputError
        It has a character that the vocabulary lacks; `where` names the text.
    """
    table = np.full(0x110000, _UNKNOWN, np.uint16)
    table[[ord(symbol) for symbol in vocabulary]] = np.arange(len(vocabulary))
    indices = np.empty(len(text), np.uint16)
    for start in range(0, len(text), _CHUNK):
        points = np.frombuffer(text[start : start + _CHUNK].encode("utf-32-le"), "<u4")
        indices[start : start + _CHUNK] = table[points]
    if (indices == _UNKNOWN).any():
        strange = sorted(set(text) - set(vocabulary))
        raise InputError(f"{where}: has {_named(strange)}, absent from the vocabulary ({len(vocabulary)} symbols)")
    return indices


def _smallest(indices: Symbols, symbols: int) -> Symbols:
    return indices.astype(np.uint8) if symbols <= 256 else indices.astype(np.uint16)


def _check_vocabulary(vocabulary: tuple[str, ...], name: str) -> None:
    if not 0 < len(vocabulary) <= MAX_VOCABULARY:
        raise InputError(f"{name}: a vocabulary of {len(vocabulary)} symbols, allowed are 1 to {MAX_VOCABULARY}")
    if any(len(symbol) != 1 for symbol in vocabulary):
        strange = next(symbol for symbol in vocabulary if len(symbol) != 1)
        raise InputError(f"{name}: the vocabulary has {strange[:20]!r}, allowed are single characters")
    if len(set(vocabulary)) < len(vocabulary):
        twice = next(symbol for symbol in vocabulary if vocabulary.count(symbol) > 1)
        raise InputError(f"{name}: {twice!r} stands twice in the vocabulary")


def _named(symbols: list[str]) -> str:
    shown = ", ".join(ascii(symbol) for symbol in symbols[:10])
    more = f" and {len(symbols) - 10} more" if len(symbols) > 10 else ""
    return f"the symbol{'s' if len(symbols) > 1 else ''} {shown}{more}"
