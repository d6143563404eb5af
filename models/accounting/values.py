"""Costs as they stand in files: each with its unit, bounds, source, and how sure we are of it."""

import re
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, model_validator
from quantiphy import Quantity

from memramp.config import StrictModel, describe
from memramp.quantities import parse_quantity

Status = Literal["printed", "derived", "reconstructed", "estimated"]
"""``printed``: as the source says. ``derived``: by arithmetic from what sources print. ``reconstructed``: ours, where a
source leaves something open. ``estimated``: ours, without a source for the number itself."""

_AREA = re.compile(r"\s*([-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?)\s*(m|mm|um|nm)(?:2|\^2|²)\s*")
_METRE = {"m": 1.0, "mm": 1e-3, "um": 1e-6, "nm": 1e-9}


def parse_area(value: Any) -> float:
    """Read an area such as ``24.29 um2`` and return it in m2; a plain number is taken to be in m2.

    Raises
    ------
    ValueError
        The text is no area.
    """
    if isinstance(value, str):
        match = _AREA.fullmatch(value)
        if match is None:
            raise ValueError(f"expected an area such as '1 um2', found {describe(value)}")
        return float(match[1]) * _METRE[match[2]] ** 2
    return parse_quantity(value, "m2")


def _of(unit: str) -> BeforeValidator:
    return BeforeValidator(lambda value: parse_quantity(value, unit))


def cost_text(value: float, unit: str) -> str:
    """Return a cost with a prefix, such as ``42.8 pJ`` or ``24.3 um2``."""
    if unit == "m2":
        name, size = ("mm2", 1e-6) if value >= 1e-7 else ("um2", 1e-12)
        return f"{value / size:.4g} {name}"
    return Quantity(value, unit).render(prec=3)


Joules = Annotated[float, _of("J"), Field(ge=0)]
Watts = Annotated[float, _of("W"), Field(ge=0)]
Delay = Annotated[float, _of("s"), Field(ge=0)]
SquareMetres = Annotated[float, BeforeValidator(parse_area), Field(ge=0)]


class CostValue(StrictModel):
    """One number of a component; subclasses say in which unit."""

    unit: ClassVar[str]

    value: float
    """At the component's reference condition."""

    low: float
    high: float
    """Bounds that we would defend, low <= value <= high."""

    source: Annotated[str, Field(min_length=8)]
    """Reference, or on what an estimate rests."""

    printed: str = ""
    """The number as the source prints it, with what it is about there."""

    status: Status

    @model_validator(mode="before")
    @classmethod
    def _bounds(cls, data: Any) -> Any:
        """Take ``within: 2`` for bounds at half and twice the value."""
        if not isinstance(data, dict) or "within" not in data:
            return data
        block = dict(data)
        factor = block.pop("within")
        if isinstance(factor, bool) or not isinstance(factor, int | float) or not 1.0 <= factor <= 1e6:
            raise ValueError(f"within is a factor from 1 to 1e6, found {describe(factor)}")
        if "low" in block or "high" in block:
            raise ValueError("within stands in place of low and high, found both")
        value = cls._parse(block.get("value"))
        return block | {"low": value / factor, "high": value * factor}

    @classmethod
    def _parse(cls, value: Any) -> float:
        return parse_area(value) if cls.unit == "m2" else parse_quantity(value, cls.unit)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not 0.0 <= self.low <= self.value <= self.high:
            raise ValueError(f"needs 0 <= low <= value <= high, found {self.low:g}, {self.value:g}, {self.high:g}")
        if self.status == "printed" and not self.printed:
            raise ValueError("status 'printed' needs the key printed, the number as the source has it")
        return self

    @property
    def bounds(self) -> tuple[float, float, float]:
        """Low, value, high."""
        return self.low, self.value, self.high


class EnergyValue(CostValue):
    """An energy for each action [J]."""

    unit = "J"
    value: Joules
    low: Joules
    high: Joules


class DelayValue(CostValue):
    """A time that an action takes [s]."""

    unit = "s"
    value: Delay
    low: Delay
    high: Delay


class AreaValue(CostValue):
    """The area of an instance [m2]."""

    unit = "m2"
    value: SquareMetres
    low: SquareMetres
    high: SquareMetres


class PowerValue(CostValue):
    """What an instance draws as long as it is on [W]."""

    unit = "W"
    value: Watts
    low: Watts
    high: Watts
