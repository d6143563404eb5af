"""The task block of an experiment with a language model: which part of which text is read, and how."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from memramp.errors import InputError
from memramp.models.text import CharacterSet, TextSplit, TextTask, load_characters

MIN_SYMBOLS = 2


class TextPartTask(TextTask):
    """A part of a text that is read once."""

    split: TextSplit = "testing"
    """Which part."""

    symbols: Annotated[int, Field(strict=True, ge=MIN_SYMBOLS)] | None = None
    """How many symbols of it are read, from its beginning; None: all."""

    streams: Annotated[int, Field(strict=True, ge=1, le=4096)] = 1
    """1: one pass from end to end. More: so many stretches side by side, see `memramp.models.language_model`."""

    warm_up: Annotated[int, Field(strict=True, ge=0, le=1_000_000)] = 500
    """Symbols that a later stream reads before its stretch, without being counted."""


@dataclass(frozen=True, eq=False)
class TextPart:
    """What a language model reads."""

    symbols: NDArray[np.integer]
    """Indices into the vocabulary, [n]."""

    classes: tuple[str, ...]
    """The vocabulary."""

    description: str
    """What this is, fit for a table's caption."""

    sha256: str
    """Hash of the whole text and its vocabulary."""

    streams: int
    warm_up: int

    def __len__(self) -> int:
        return len(self.symbols)


def load_text_part(task: TextPartTask, vocabulary: tuple[str, ...], name: str) -> TextPart:
    """Load what a task names, as symbols of a network's vocabulary.

    Parameters
    ----------
    task : TextPartTask
        Text, part, length.
    vocabulary : tuple of str
        The network's symbols.
    name : str
        The network's name, for messages.

    Raises
    ------
    InputError
        The text is missing or broken, holds symbols that the network does not know, or is shorter than asked for.
    """
    return part_of(load_characters(task), task, vocabulary, name)


def part_of(text: CharacterSet, task: TextPartTask, vocabulary: tuple[str, ...], name: str) -> TextPart:
    """Return a part of a text that was loaded, see `load_text_part`."""
    symbols = text.encoded_for(vocabulary, name).part(task.split)
    wanted = len(symbols) if task.symbols is None else task.symbols
    if wanted > len(symbols):
        raise InputError(
            f"task.symbols is {wanted}, but the {task.split} part of {text.description} has {len(symbols)} symbols"
        )
    about = f"{text.description}, {task.split}, {wanted:,} symbols"
    return TextPart(symbols[:wanted], vocabulary, about, text.sha256, task.streams, task.warm_up)
