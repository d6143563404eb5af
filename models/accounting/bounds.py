"""Numbers that are known within bounds."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Bounds:
    """A value that is not negative, and what it lies between; sums and multiples keep the ends apart.

    The low end of a sum is the sum of the low ends: errors of all parts go the same way, which is the worst case.
    """

    low: float
    value: float
    high: float

    @classmethod
    def exact(cls, value: float) -> "Bounds":
        """Return a number that is known."""
        return cls(value, value, value)

    def __add__(self, other: "Bounds") -> "Bounds":
        return Bounds(self.low + other.low, self.value + other.value, self.high + other.high)

    def __mul__(self, factor: float) -> "Bounds":
        return Bounds(self.low * factor, self.value * factor, self.high * factor)

    __rmul__ = __mul__

    def __truediv__(self, divisor: float) -> "Bounds":
        return self * (1.0 / divisor)


NOTHING = Bounds(0.0, 0.0, 0.0)
