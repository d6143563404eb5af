"""How costs change with the technology node and with resolution; the laws are data, see ``scaling.yaml``."""

from functools import cache
from itertools import pairwise
from math import exp, log
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from memramp.config import StrictModel, read_yaml, validate
from memramp.errors import InputError

Quantity = Literal["energy", "delay", "area", "power"]
BitsLaw = Literal["none", "linear", "exponential", "quadratic"]
"""In proportion to nothing, n, 2^n, n^2 for n bits."""

_Positive = Annotated[float, Field(gt=0)]
_Table = Annotated[tuple[_Positive, ...], Field(min_length=2)]


class NodeLaw(StrictModel):
    """A law of scaling between technology nodes, as a table of relative costs."""

    description: str
    source: Annotated[str, Field(min_length=8)]
    nodes: _Table
    """Ascending [nm]."""

    energy: _Table
    delay: _Table
    area: _Table
    """Relative to one another; between two nodes, interpolated along a power of the node."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if any(a >= b for a, b in pairwise(self.nodes)):
            raise ValueError("nodes must rise")
        for name in ("energy", "delay", "area"):
            if len(getattr(self, name)) != len(self.nodes):
                raise ValueError(f"{name} needs one number for each of the {len(self.nodes)} nodes")
        return self

    def covers(self, node: float) -> bool:
        """Return whether the law is known at a node [nm]."""
        return self.nodes[0] <= node <= self.nodes[-1]

    def factor(self, quantity: Quantity, start: float, end: float) -> float:
        """Return by what a cost is multiplied from one node to another [nm].

        Beyond the table, the power of its last two nodes goes on; `covers` says whether that is so. Power is energy
        per delay.
        """
        if quantity == "power":
            return self.factor("energy", start, end) / self.factor("delay", start, end)
        table: tuple[float, ...] = getattr(self, quantity)
        return self._at(table, end) / self._at(table, start)

    def _at(self, table: tuple[float, ...], node: float) -> float:
        upper = next((k for k in range(1, len(self.nodes) - 1) if node <= self.nodes[k]), len(self.nodes) - 1)
        (x0, x1), (y0, y1) = self.nodes[upper - 1 : upper + 1], table[upper - 1 : upper + 1]
        return exp(log(y0) + (log(node) - log(x0)) / (log(x1) - log(x0)) * (log(y1) - log(y0)))


def bits_factor(law: BitsLaw, start: int, end: int) -> float:
    """Return by what a cost is multiplied from one resolution to another [bit]."""
    ratio = end / start
    return {"none": 1.0, "linear": ratio, "exponential": 2.0 ** (end - start), "quadratic": ratio**2}[law]


@cache
def node_laws() -> dict[str, NodeLaw]:
    """Return the laws that come with memramp, by name."""
    path = Path(__file__).resolve().parent / "scaling.yaml"
    return {name: validate(NodeLaw, block, f"{path.name}: {name}") for name, block in read_yaml(path).items()}


def node_law(name: str) -> NodeLaw:
    """Return a law.

    Raises
    ------
    InputError
        There is none of this name.
    """
    laws = node_laws()
    if name not in laws:
        raise InputError(f"scaling law '{name}' is not known, allowed: {', '.join(laws)}")
    return laws[name]
