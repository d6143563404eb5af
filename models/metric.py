"""What networks are measured by."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Metric:
    """A number that says how good a network is."""

    name: str
    """For files and columns."""

    title: str
    """For headings and axes, without the unit."""

    unit: str
    digits: int
    """Behind the point, where it is shown."""

    stored_digits: int
    """Behind the point, in files."""

    sign: int
    """+1 where more is better, -1 where less is."""

    @property
    def label(self) -> str:
        """Title and unit."""
        return f"{self.title} ({self.unit})" if self.unit else self.title

    def number(self, value: float) -> str:
        """Return a value as it is shown beside its label."""
        return f"{value:.{self.digits}f}"

    def text(self, value: float) -> str:
        """Return a value as it is shown in a sentence."""
        return f"{self.number(value)}{f' {self.unit}' if self.unit else ''}"


ACCURACY = Metric("accuracy", "accuracy", "%", 2, 4, 1)
BPC = Metric("bpc", "bits per character", "", 4, 6, -1)
METRICS = {metric.name: metric for metric in (ACCURACY, BPC)}
