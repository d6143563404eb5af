"""Physical quantities in configurations: ``2.67 uS``, ``0.2 V``, ``1 GHz``, or a plain number in the documented unit.

The types below are for pydantic models; each holds a plain ``float`` in the unit of its name, so that the
simulation never sees a unit and a configuration never hides one.
"""

import math
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator, Field
from quantiphy import InvalidNumber, Quantity

_EXPONENTS = {"": 0, "n": -9, "u": -6, "m": -3, "M": 6, "G": 9}


def parse_quantity(value: Any, unit: str, scale: str = "") -> float:
    """Read a quantity and return it in ``scale + unit``.

    Parameters
    ----------
    value : str, int or float
        ``"2.67 uS"``, ``"2.67e-6 S"``, or a plain number, which is taken to be in ``scale + unit`` already.
    unit : str
        SI unit without prefix: ``"S"``, ``"V"``, ``"s"``, ``"Hz"``, ``"m"``.
    scale : str
        SI prefix of the returned number: ``""``, ``"n"``, ``"u"``, ``"m"``, ``"M"`` or ``"G"``.

    Raises
    ------
    ValueError
        The text is no number, carries another unit, or is not finite.
    """
    documented = f"{scale}{unit}"
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        # pydantic turns a ValueError into a message; a TypeError would pass through it
        raise ValueError(f"expected a quantity such as '1 {documented}', found {value!r}")  # noqa: TRY004
    number = _read_text(value, unit, scale) if isinstance(value, str) else float(value)
    if not math.isfinite(number):
        raise ValueError(f"expected a finite number of {documented}, found {value!r}")
    return number


def _read_text(text: str, unit: str, scale: str) -> float:
    documented = f"{scale}{unit}"
    try:
        quantity = Quantity(text)
    except InvalidNumber:
        raise ValueError(f"expected a quantity such as '1 {documented}', found {text!r}") from None
    if not math.isfinite(quantity):
        raise ValueError(f"expected a finite number of {documented}, found {text!r}")
    if quantity.units == "":
        try:  # '1.5' and YAML's string '1e-6' are plain numbers; '10u' has a prefix but no unit
            return float(text)
        except ValueError:
            raise ValueError(f"expected the unit {documented}, found {text!r} without a unit") from None
    if quantity.units != unit:
        raise ValueError(f"expected the unit {documented}, found {text!r} in {quantity.units}")
    # Shifting the decimal point of the number's shortest text turns '5 uS' into 5 exactly; dividing 5e-6 by 1e-6 would
    # not.
    return float(Decimal(repr(float(quantity))).scaleb(-_EXPONENTS[scale]))


def _quantity(unit: str, scale: str = "") -> BeforeValidator:
    return BeforeValidator(lambda value: parse_quantity(value, unit, scale))


Microsiemens = Annotated[float, _quantity("S", "u")]
"""Conductance in uS."""

NonNegativeMicrosiemens = Annotated[float, _quantity("S", "u"), Field(ge=0)]
"""Conductance, or a standard deviation of one, in uS; not negative."""

Volts = Annotated[float, _quantity("V")]
"""Voltage in V."""

Seconds = Annotated[float, _quantity("s")]
"""Time in s."""

Hertz = Annotated[float, _quantity("Hz"), Field(gt=0)]
"""Frequency in Hz."""
