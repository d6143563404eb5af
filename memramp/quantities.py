"""Physical quantities in configurations: ``2.67 uS``, ``0.2 V``, ``1 GHz``, or a plain number in the documented unit.

The types below are for pydantic models; each holds a plain ``float`` in the unit of its name, so that the
simulation never sees a unit and a configuration never hides one.
"""

import math
import re
from dataclasses import dataclass
from decimal import Decimal, DecimalException
from typing import Annotated, Any

from pydantic import BeforeValidator, Field
from quantiphy import Quantity

_EXPONENTS = {"": 0, "n": -9, "u": -6, "m": -3, "M": 6, "G": 9}

# A number with a decimal point, no comma: '5,0' is five to some and fifty to others.
_FORM = re.compile(r"([-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?)\s*([A-Za-z\u00b5\u03bc]*)")

MAX_MICROSIEMENS = 1e6
"""Largest conductance that is taken: 1 S. No memristor comes near it, and all sums stay finite."""


def parse_quantity(value: Any, unit: str, scale: str = "") -> float:
    """Read a quantity and return it in ``scale + unit``.

    Parameters
    ----------
    value : str, int or float
        ``"2.67 uS"``, ``"2.67e-6 S"``, or a plain number, which is taken to be in ``scale + unit`` already.
    unit : str
        SI unit without prefix: ``"S"``, ``"V"``, ``"s"``, ``"Hz"``, ``"m"``, ``"F"``, ``"K"``.
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
    try:
        number = _read_text(value, unit, scale) if isinstance(value, str) else float(value)
    except (OverflowError, DecimalException):
        number = math.inf
    if not math.isfinite(number):
        raise ValueError(f"expected a finite number of {documented}, found {value!r}")
    return number


def _read_text(text: str, unit: str, scale: str) -> float:
    documented = f"{scale}{unit}"
    match = _FORM.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"expected a quantity such as '1 {documented}', found {text!r}")
    number, with_prefix = match.groups()
    if not with_prefix or with_prefix == documented:  # as it is; quantiphy would take the K of '300 K' for kilo
        return float(number)
    one = Quantity(f"1 {with_prefix}")  # quantiphy knows the prefixes; what it makes of commas we do not want
    if one.units == "":
        raise ValueError(f"expected the unit {documented}, found {text!r} without a unit")
    if one.units != unit:
        raise ValueError(f"expected the unit {documented}, found {text!r} in {one.units}")
    # Shifting the decimal point of the number as written turns '5 uS' into 5 exactly; dividing 5e-6 by 1e-6 would not.
    exponent = round(math.log10(float(one)))
    return float(Decimal(number).scaleb(exponent - _EXPONENTS[scale]))


def _quantity(unit: str, scale: str = "") -> BeforeValidator:
    return BeforeValidator(lambda value: parse_quantity(value, unit, scale))


@dataclass(frozen=True)
class Unit:
    """The unit of a type below, for who labels its numbers; pydantic passes it by."""

    name: str
    """As one writes it behind a number."""


Microsiemens = Annotated[float, Unit("uS"), _quantity("S", "u"), Field(le=MAX_MICROSIEMENS)]
"""Conductance in uS."""

NonNegativeMicrosiemens = Annotated[float, Unit("uS"), _quantity("S", "u"), Field(ge=0, le=MAX_MICROSIEMENS)]
"""Conductance, or a standard deviation of one, in uS; not negative."""

Volts = Annotated[float, Unit("V"), _quantity("V")]
"""Voltage in V."""

Seconds = Annotated[float, Unit("s"), _quantity("s")]
"""Time in s."""

Hertz = Annotated[float, Unit("Hz"), _quantity("Hz"), Field(gt=0)]
"""Frequency in Hz."""

Farads = Annotated[float, Unit("F"), _quantity("F"), Field(ge=0)]
"""Capacitance in F."""

Kelvin = Annotated[float, Unit("K"), _quantity("K"), Field(gt=0, le=2000)]
"""Absolute temperature in K; above 2000 K no chip is left."""

ElectronVolts = Annotated[float, Unit("eV"), _quantity("eV"), Field(ge=0, le=10)]
"""Energy in eV; not negative."""

MAX_OHMS = 1e9
"""Largest wire resistance that is taken: 1 Gohm, thousands of times a memristor's; beyond, a line is cut."""


def _parse_ohms(value: Any) -> float:
    # quantiphy takes 'Ohm' and 'ohm' for two units.
    return parse_quantity(value.replace("Ohm", "ohm") if isinstance(value, str) else value, "ohm")


Ohms = Annotated[float, Unit("ohm"), BeforeValidator(_parse_ohms), Field(ge=0, le=MAX_OHMS)]
"""Resistance in ohm; 0 is a perfect wire."""
