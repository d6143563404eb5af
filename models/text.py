"""The task block of a character language model: which text it is trained and tested on."""

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from memramp.config import StrictModel
from memramp.errors import InputError
from memramp.models.character_set import TEXT_SPLITS, CharacterSet, TextSplit
from memramp.models.penn_treebank import load_penn_treebank
from memramp.models.python_topics import load_python_topics
from memramp.models.text_files import load_one_file, load_three_files

__all__ = ["CharacterSet", "TextSplit", "TextTask", "load_characters"]

_KEYS = {
    "python_topics": (),
    "ptb": ("root",),
    "text": ("file", *TEXT_SPLITS, "validation_fraction", "testing_fraction"),
}


class TextTask(StrictModel):
    """Which text.

    Attributes
    ----------
    kind : str
        "python_topics" (comes with Python), "ptb" (the Penn Treebank; needs `root`) or "text" (needs `file`, or
        `training`, `validation` and `testing`).
    root : path or None
        Folder of the Penn Treebank's files.
    file : path or None
        A UTF-8 text that is cut into training, validation and testing, in this order.
    training, validation, testing : path or None
        A UTF-8 text for each part.
    validation_fraction, testing_fraction : float
        Parts of `file`, both more than 0 and less than 0.5.
    """

    kind: Literal["python_topics", "ptb", "text"] = "python_topics"
    root: Path | None = None
    file: Path | None = None
    training: Path | None = None
    validation: Path | None = None
    testing: Path | None = None
    validation_fraction: float = Field(default=0.05, gt=0, lt=0.5)
    testing_fraction: float = Field(default=0.05, gt=0, lt=0.5)

    @model_validator(mode="after")
    def _check_keys(self) -> "TextTask":
        for name, field in TextTask.model_fields.items():  # not those of a subclass
            if name not in ("kind", *_KEYS[self.kind]) and getattr(self, name) != field.default:
                allowed = f"only {', '.join(_KEYS[self.kind])}" if _KEYS[self.kind] else "no other key"
                raise ValueError(f"the task {self.kind} takes no {name} ({allowed})")
        if self.file is not None and any(self._three()):
            raise ValueError("the task text takes file, or training, validation and testing, found both")
        return self

    def _three(self) -> tuple[Path | None, ...]:
        return self.training, self.validation, self.testing


def load_characters(task: TextTask) -> CharacterSet:
    """Load the text that a task names.

    Raises
    ------
    InputError
        The text is missing or broken; where it is missing, the message says how to get it.
    """
    if task.kind == "python_topics":
        return load_python_topics()
    if task.kind == "ptb":
        return load_penn_treebank(task.root)
    if task.file is not None:
        return load_one_file(task.file.expanduser(), task.validation_fraction, task.testing_fraction)
    return load_three_files({split: _need(task, split) for split in TEXT_SPLITS})


def _need(task: TextTask, split: TextSplit) -> Path:
    path: Path | None = getattr(task, split)
    if path is None:
        raise InputError(
            f"task.{split}: no text is set; name one file to be cut in three (--set task.file=FILE), or a file each "
            f"for training, validation and testing"
        )
    return path.expanduser()
