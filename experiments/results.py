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

from memramp.experiments.scores import Counts, Score, together
from memramp.models.metric import Metric

Condition = Literal["float", "ideal", "chip"]
"""``float``: the network in floating point; ``ideal``: devices without noise or faults, so that only the converters'
quantisation is left; ``chip``: one programmed chip."""

_JSON_LINE = 110

LEAST_OVERFLOW = 0.1
"""Least excess of a bias device over g_max that is told: our choice, small beside errors of writing [uS]."""


def overflowing(excess: ArrayLike) -> int:
    """Return how many chips or columns ask a bias device for more than g_max, by `LEAST_OVERFLOW` or more [uS]."""
    return int(np.count_nonzero(np.asarray(excess) >= LEAST_OVERFLOW))


@dataclass(frozen=True, eq=False)
class Row:
    """One evaluation on all data."""

    point: int
    """Number of the point, from 1."""

    sweep: dict[str, str]
    """Swept keys and their values, as written."""

    condition: Condition
    chip: int | None
    """Number of the chip, from 1."""

    score: Score
    bias_overflow: float = 0.0
    """By how much calibration asked a bias device of a ramp for more than g_max [uS]."""


@dataclass(frozen=True, eq=False)
class PointSummary:
    """All rows of one point."""

    point: int
    sweep: dict[str, str]
    metric: Metric
    floating: float
    """Metric in floating point."""

    ideal: float
    """Metric with ideal devices."""

    chips: NDArray[np.float64]
    """Metric of each chip."""

    confusion: Counts | None
    """Sum over the chips, [true, found]; None where nothing is recognised."""

    bias_overflow: NDArray[np.float64]
    """Of each chip, see `Row.bias_overflow` [uS]."""

    @property
    def mean(self) -> float:
        """Mean metric of the chips."""
        return float(np.mean(self.chips))

    @property
    def sd(self) -> float | None:
        """Standard deviation between chips (n - 1); None for a single chip."""
        return float(np.std(self.chips, ddof=1)) if len(self.chips) > 1 else None

    @property
    def label(self) -> str:
        """The point's place in the sweep, empty without one."""
        return ", ".join(f"{key}={value}" for key, value in self.sweep.items())

    def as_dict(self, classes: Sequence[str]) -> dict[str, Any]:
        """Return the summary as JSON holds it."""
        digits = self.metric.stored_digits
        chips = {
            "n": len(self.chips),
            "mean": round(self.mean, digits),
            "sd": None if self.sd is None else round(self.sd, digits),
            "min": round(float(self.chips.min()), digits),
            "max": round(float(self.chips.max()), digits),
        }
        confusion = {}
        if self.confusion is not None:
            confusion = {"confusion": {"classes": list(classes), "true_by_found": self.confusion.tolist()}}
        return {
            "point": self.point,
            "sweep": self.sweep,
            "metric": self.metric.name,
            "float": round(self.floating, digits),
            "ideal": round(self.ideal, digits),
            "chips": chips,
            "bias_overflow": {
                "chips": overflowing(self.bias_overflow),
                "max_uS": round(float(self.bias_overflow.max()), 4),
            },
            **confusion,
        }


def summarise(rows: Sequence[Row]) -> list[PointSummary]:
    """Return the summary of each point that has all conditions and at least one chip."""
    summaries = []
    for number in dict.fromkeys(row.point for row in rows):
        here = [row for row in rows if row.point == number]
        chips = [row for row in here if row.condition == "chip"]
        digital = {row.condition: row.score.value for row in here if row.condition != "chip"}
        if chips and len(digital) == 2:
            summaries.append(
                PointSummary(
                    point=number,
                    sweep=here[0].sweep,
                    metric=here[0].score.metric,
                    floating=digital["float"],
                    ideal=digital["ideal"],
                    chips=np.array([row.score.value for row in chips]),
                    confusion=together([row.score for row in chips]),
                    bias_overflow=np.array([row.bias_overflow for row in chips]),
                )
            )
    return summaries


def best(summaries: Sequence[PointSummary]) -> PointSummary:
    """Return the point of the best mean, the first of equals."""
    return max(summaries, key=lambda summary: summary.metric.sign * summary.mean)


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

    def __init__(self, path: Path, swept: Sequence[str], kind: type[Score]) -> None:
        super().__init__(path, ["point", *swept, "condition", "chip", kind.metric.name, *kind.headings])

    def add(self, row: Row) -> None:
        """Append a row."""
        chip = "" if row.chip is None else row.chip
        value = f"{row.score.value:.{row.score.metric.stored_digits}f}"
        self.write([row.point, *row.sweep.values(), row.condition, chip, value, *row.score.cells()])


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
