"""What a case is: contenders that do the same work, the sizes, the bars to be met, and the check of what is timed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Sizes = Mapping[str, Any]


@dataclass(frozen=True)
class Contender:
    """One way to do the work of a case."""

    name: str
    """As it stands in tables; unique within the case."""

    library: str
    """Key of `benchmarks.workers.MODULES`."""

    work: str
    """Key of that worker's table."""

    changes: Sizes = field(default_factory=dict)
    """Sizes that are others than the case's."""

    share: float = 1.0
    """Part of the case's work that one run does; its time is divided by that."""

    note: str = ""
    """What a reader must know about the comparison."""

    beside: str = ""
    """Contender that its time is shown relative to; empty: the first of the case."""


@dataclass(frozen=True)
class Bar:
    """A demand on a case."""

    text: str
    """As a reader sees it."""

    of: str
    """Contender that is judged."""

    limit: float

    against: str | None = None
    """Contender that it is compared with; None: its time in seconds is judged."""

    at_least: bool = False
    """The rival's time is at least `limit` times that of the judged; else the judged takes at most `limit` times the
    rival's time (or at most `limit` seconds)."""

    excess: bool = False
    """The judged takes at most `limit` seconds more than the rival."""

    value: str = ""
    """Not the time is judged but this list of numbers: its largest difference from the rival's, relative to the
    largest of the rival's."""

    def difference(self, own: Sequence[float], rival: Sequence[float]) -> float:
        """Return what is compared with `limit` where a value is judged."""
        return max(abs(a - b) for a, b in zip(own, rival, strict=True)) / max(map(abs, rival))

    def ratio(self, own: float, rival: float | None) -> float:
        """Return what is compared with `limit` where times are judged."""
        if rival is None:
            return own
        if self.excess:
            return own - rival
        return rival / own if self.at_least else own / rival

    @property
    def unit(self) -> str:
        """Unit of that number."""
        if self.value:
            return ""
        return " s" if self.against is None or self.excess else " x"

    def met(self, ratio: float) -> bool:
        """Return whether such a number meets the bar."""
        return ratio >= self.limit if self.at_least else ratio <= self.limit


@dataclass(frozen=True)
class Case:
    """One row of the table of cases."""

    name: str
    """As ``--case`` takes it."""

    title: str

    sizes: Sizes

    small: Sizes
    """Sizes of ``--quick``."""

    contenders: tuple[Contender, ...]
    check: Callable[[], None]
    """Runs memramp's work at a small size and compares the result with a slow reference; raises AssertionError."""

    items: Callable[[Sizes], float]
    """How many things one run handles, from the sizes."""

    unit: str
    """What these things are, in the plural."""

    bars: tuple[Bar, ...] = ()

    one_thread: bool = False
    """Nothing in it uses more than one thread: it runs once."""

    rounds: int = 7
    """How often the contenders take turns."""
