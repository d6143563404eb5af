"""What is known of a tensor on its way through an ONNX graph: the meaning of its axes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

FEATURE = "feature"
DIRECTIONS = "directions"
UNIT = "unit"


@dataclass(frozen=True)
class Signal:
    """A tensor that depends on the inputs.

    The axes of an input have numbers as names; where it is transposed, its axes are as well. The first recurrent layer
    tells by its place which of them are the time and the batch.
    """

    kind: Literal["input", "symbols", "states", "scores"]
    """What the graph is given (``symbols`` after the embedding), states of a recurrent layer, the dense layer's."""

    axes: tuple[str, ...]
    """Names of the axes; `DIRECTIONS` and `FEATURE` of states, `UNIT` with a number after it where the size is one."""

    parts: tuple[tuple[int, int], ...] = ()
    """Layer and direction of what stands side by side along `DIRECTIONS`, or along `FEATURE` where there is none."""

    at: Literal["all", "end", "last"] = "all"
    """Steps: all, what each direction came to last (Y_h), or the last of the sequence (Y at -1)."""

    source: str = ""
    """Name of the graph's input."""

    def axis(self, number: int) -> int | None:
        """Return an axis counted from the front, None where there is none."""
        found = number + len(self.axes) if number < 0 else number
        return found if 0 <= found < len(self.axes) else None

    def is_unit(self, name: str) -> bool:
        """Tell whether an axis has the size one."""
        return name.startswith(UNIT) or (name == DIRECTIONS and len(self.parts) == 1)

    def without(self, places: Sequence[int]) -> "Signal":
        """Return the signal without some axes."""
        return replace(self, axes=tuple(name for place, name in enumerate(self.axes) if place not in places))

    def with_axis(self, place: int, name: str) -> "Signal":
        """Return the signal with an axis that has another name."""
        return replace(self, axes=(*self.axes[:place], name, *self.axes[place + 1 :]))

    def inserted(self, places: Sequence[int]) -> "Signal":
        """Return the signal with axes of size one, at the places that they have among all."""
        axes = list(self.axes)
        for place in sorted(places):
            axes.insert(place, self.new_unit(axes))
        return replace(self, axes=tuple(axes))

    @staticmethod
    def new_unit(axes: Sequence[str]) -> str:
        """Return a name for an axis of size one that none of these has."""
        return next(f"{UNIT}{number}" for number in range(len(axes) + 1) if f"{UNIT}{number}" not in axes)

    @property
    def plain(self) -> "Signal":
        """The signal without axes of size one."""
        return self.without([place for place, name in enumerate(self.axes) if self.is_unit(name)])

    @property
    def merged(self) -> "Signal | None":
        """The signal with its directions side by side in the features, None where they do not stand before them."""
        if self.axes[-2:] != (DIRECTIONS, FEATURE):
            return None
        return self.without([len(self.axes) - 2])
