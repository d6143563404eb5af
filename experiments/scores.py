"""What one evaluation of a network gives, for each kind of task."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from memramp.models.metric import ACCURACY, BPC, Metric

Counts = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Recognition:
    """Which classes clips were taken for."""

    metric: ClassVar[Metric] = ACCURACY
    headings: ClassVar[tuple[str, ...]] = ("correct", "clips")

    confusion: Counts
    """Clips of each class (rows) that were taken for which (columns), [classes, classes]."""

    @property
    def clips(self) -> int:
        """Number of clips."""
        return int(self.confusion.sum())

    @property
    def correct(self) -> int:
        """Number of clips that were recognised."""
        return int(np.trace(self.confusion))

    @property
    def value(self) -> float:
        """Part of the clips that were recognised, in percent."""
        return 100.0 * self.correct / self.clips

    def cells(self) -> tuple[Any, ...]:
        """Return what stands under the headings."""
        return self.correct, self.clips


@dataclass(frozen=True, eq=False)
class Foretold:
    """In how many bits a text could have been written."""

    metric: ClassVar[Metric] = BPC
    headings: ClassVar[tuple[str, ...]] = ("bits", "symbols")

    bits: float
    symbols: int

    @property
    def value(self) -> float:
        """Bits per character."""
        return self.bits / self.symbols

    def cells(self) -> tuple[Any, ...]:
        """Return what stands under the headings."""
        return f"{self.bits:.3f}", self.symbols


Score = Recognition | Foretold


def together(scores: Sequence[Score]) -> Counts | None:
    """Return the sum of the confusions, None where there are none."""
    found = [score.confusion for score in scores if isinstance(score, Recognition)]
    return np.asarray(np.sum(found, axis=0)) if found else None
