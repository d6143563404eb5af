"""What a run measures: one row per point, condition and chip, and their summary."""

import csv
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

Condition = Literal["float", "ideal", "chip"]
"""``float``: the network in floating point; ``ideal``: devices without noise or faults, so that only the converters'
quantisation is left; ``chip``: one programmed chip."""

Counts = NDArray[np.int64]
_JSON_LINE = 110

LEAST_OVERFLOW = 0.1
"""Least excess of a bias device over g_max that is told: our choice, small beside errors of writing [uS]."""


def overflowing(excess: ArrayLike) -> int:
    """Return how many chips or columns ask a bias device for more than g_max, by `LEAST_OVERFLOW` or more [uS]."""
    return int(np.count_nonzero(np.asarray(excess) >= LEAST_OVERFLOW))


@dataclass(frozen=True, eq=False)
class Row:
    """One evaluation on all clips."""

    point: int
    """Number of the point, from 1."""

    sweep: dict[str, str]
    """Swept keys and their values, as written."""

    condition: Condition
    chip: int | None
    """Number of the chip, from 1."""

    confusion: Counts
    """Clips of each class (rows) that were taken for which (columns), [classes, classes]."""

    bias_overflow: float = 0.0
    """By how much calibration asked a bias device of a ramp for more than g_max [uS]."""

    @property
    def clips(self) -> int:
        """Number of clips."""
        return int(self.confusion.sum())

    @property
    def correct(self) -> int:
        """Number of clips that were recognised."""
        return int(np.trace(self.confusion))

    @property
    def accuracy(self) -> float:
        """Part of the clips that were recognised, in percent."""
        return 100.0 * self.correct / self.clips


@dataclass(frozen=True, eq=False)
class PointSummary:
    """All rows of one point."""

    point: int
    sweep: dict[str, str]
    float_accuracy: float
    """Accuracy in floating point, in percent."""

    ideal_accuracy: float
    """Accuracy with ideal devices, in percent."""

    chips: NDArray[np.float64]
    """Accuracies of the chips, in percent."""

    confusion: Counts
    """Sum over the chips, [true, found]."""

    bias_overflow: NDArray[np.float64]
    """Of each chip, see `Row.bias_overflow` [uS]."""

    @property
    def mean(self) -> float:
        """Mean accuracy of the chips, in percent."""
        return float(np.mean(self.chips))

    @property
    def sd(self) -> float | None:
        """Standard deviation between chips (n - 1), in percentage points; None for a single chip."""
        return float(np.std(self.chips, ddof=1)) if len(self.chips) > 1 else None

    @property
    def label(self) -> str:
        """The point's place in the sweep, empty without one."""
        return ", ".join(f"{key}={value}" for key, value in self.sweep.items())

    def as_dict(self, classes: Sequence[str]) -> dict[str, Any]:
        """Return the summary as JSON holds it."""
        chips = {
            "n": len(self.chips),
            "mean": round(self.mean, 4),
            "sd": None if self.sd is None else round(self.sd, 4),
            "min": round(float(self.chips.min()), 4),
            "max": round(float(self.chips.max()), 4),
        }
        return {
            "point": self.point,
            "sweep": self.sweep,
            "float": round(self.float_accuracy, 4),
            "ideal": round(self.ideal_accuracy, 4),
            "chips": chips,
            "bias_overflow": {
                "chips": overflowing(self.bias_overflow),
                "max_uS": round(float(self.bias_overflow.max()), 4),
            },
            "confusion": {"classes": list(classes), "true_by_found": self.confusion.tolist()},
        }


def summarise(rows: Sequence[Row]) -> list[PointSummary]:
    """Return the summary of each point that has all conditions and at least one chip."""
    summaries = []
    for number in dict.fromkeys(row.point for row in rows):
        here = [row for row in rows if row.point == number]
        chips = [row for row in here if row.condition == "chip"]
        digital = {row.condition: row.accuracy for row in here if row.condition != "chip"}
        if chips and len(digital) == 2:
            accuracies = np.array([row.accuracy for row in chips])
            confusion = np.sum([row.confusion for row in chips], axis=0)
            overflow = np.array([row.bias_overflow for row in chips])
            summaries.append(
                PointSummary(number, here[0].sweep, digital["float"], digital["ideal"], accuracies, confusion, overflow)
            )
    return summaries


def best(summaries: Sequence[PointSummary]) -> PointSummary:
    """Return the point of the highest mean accuracy, the first of equals."""
    return max(summaries, key=lambda summary: summary.mean)


def confusions(counts: Counts, classes: Sequence[str], n: int) -> list[tuple[str, str, float]]:
    """Return the n most frequent confusions as (true, found, percent of the true class's clips)."""
    percent = row_percent(counts)
    np.fill_diagonal(percent, 0.0)
    order = np.argsort(-percent, axis=None, kind="stable")[:n]
    pairs = [divmod(int(index), len(classes)) for index in order]
    return [(classes[i], classes[j], float(percent[i, j])) for i, j in pairs if percent[i, j] > 0.0]


def row_percent(counts: Counts) -> NDArray[np.float64]:
    """Return counts as percent of their row's sum; a row without clips stays zero."""
    percent: NDArray[np.float64] = 100.0 * counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return percent


class TableFile:
    """A CSV file that is on disk up to the last finished row at any moment."""

    def __init__(self, path: Path, headings: Sequence[str]) -> None:
        self._file = path.open("x", encoding="utf-8", newline="")
        self._writer = csv.writer(self._file, lineterminator="\n")
        self.write(headings)

    def write(self, cells: Sequence[Any]) -> None:
        """Append a row."""
        self._writer.writerow(cells)
        self._file.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


class ResultsFile(TableFile):
    """``results.csv`` of a network."""

    def __init__(self, path: Path, swept: Sequence[str]) -> None:
        super().__init__(path, ["point", *swept, "condition", "chip", "accuracy", "correct", "clips"])

    def add(self, row: Row) -> None:
        """Append a row."""
        chip = "" if row.chip is None else row.chip
        accuracy = f"{row.accuracy:.4f}"
        self.write([row.point, *row.sweep.values(), row.condition, chip, accuracy, row.correct, row.clips])


def to_json(data: Any) -> bytes:
    """Return readable JSON: short innermost lists and objects take one line each."""
    text = json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False)
    return (re.sub(r"[\[{][^\[\]{}]*[\]}]", _one_line, text) + "\n").encode()


def _one_line(match: re.Match[str]) -> str:
    # A line break in JSON is never part of a text, so this cannot change one.
    line = re.sub(r"\n *", " ", match[0])
    line = line.replace("[ ", "[", 1) if line[0] == "[" else line.replace("{ ", "{", 1)
    line = f"{line[:-2]}{line[-1]}" if line[-2] == " " else line
    return line if len(line) <= _JSON_LINE else match[0]
