"""Options of ``memramp ramp`` about what comes after the design: errors, calibration, limits, sweeps of these.

Groups as in `memramp.experiments.ramp_options`; nothing that simulates is imported but inside the methods.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from memramp.defaults import INL_LIMIT
from memramp.errors import InputError
from memramp.experiments.option_values import (
    choice,
    conductance,
    conductances,
    device,
    numbers,
    positive,
    validated,
    whole_numbers,
)

if TYPE_CHECKING:
    from memramp.devices import Device
    from memramp.peripherals import Calibration
    from memramp.peripherals.yields import Conditions, Limits

_DEVICE = {"stuck_off_rate": "--stuck-off", "stuck_on_rate": "--stuck-on"}
_CALIBRATION = {"copies": "--copies", "kind": "--calibration"}


@dataclass(frozen=True, kw_only=True)
class ErrorOptions:
    """What the devices do wrong; without an option, what the preset says."""

    sigma: Annotated[
        str | None, typer.Option(metavar='"5 uS"', help="Standard deviation of programming; default: the preset's.")
    ] = None
    stuck_off: Annotated[float | None, typer.Option(metavar="P", help="Fraction of devices stuck at g_min.")] = None
    stuck_on: Annotated[float | None, typer.Option(metavar="P", help="Fraction of devices stuck at g_max.")] = None

    def device(self, preset: str) -> "Device":
        """Return the preset's device with these errors."""
        from memramp.devices import Device

        values = device(preset).model_dump()
        if self.sigma is not None:
            values["prog_noise"] = {"kind": "constant", "sigma": conductance("--sigma", self.sigma)}
        rates = {"stuck_off_rate": self.stuck_off, "stuck_on_rate": self.stuck_on}
        values |= {key: rate for key, rate in rates.items() if rate is not None}
        return validated(Device, values, _DEVICE)


@dataclass(frozen=True, kw_only=True)
class CalibrationOptions:
    """How a programmed column is set right."""

    calibration: Annotated[
        str, typer.Option(metavar="KIND", help="none, ideal_bias, one_point or two_point.")
    ] = "one_point"
    copies: Annotated[int, typer.Option(metavar="N", help="Columns programmed, of which the best is used.")] = 1
    remap: Annotated[bool, typer.Option("--remap", help="Let spare devices stand in for stuck ones.")] = False

    def chosen(self, spares: int) -> "Calibration":
        """Return the calibration; `spares` is the number of spare devices of the design."""
        if self.remap and spares == 0:
            raise InputError("--remap needs spare devices, give --spares")
        return make_calibration(self.calibration, self.copies, self.remap)


@dataclass(frozen=True, kw_only=True)
class LimitOptions:
    """What makes a column a good one."""

    inl_limit: Annotated[float, typer.Option(metavar="LSB", help="Largest |INL| of a good column.")] = INL_LIMIT
    dnl_limit: Annotated[
        float | None, typer.Option(metavar="LSB", help="Largest |DNL| of a good column; default: any.")
    ] = None
    no_missing_code: Annotated[
        bool, typer.Option("--no-missing-code", help="Every code must occur in a good column.")
    ] = False

    def limits(self) -> "Limits":
        """Return the limits."""
        from memramp.peripherals.yields import Limits

        positive("--inl-limit", self.inl_limit, "LSB")
        if self.dnl_limit is not None:
            positive("--dnl-limit", self.dnl_limit, "LSB")
        return Limits(self.inl_limit, self.dnl_limit, self.no_missing_code)


@dataclass(frozen=True, kw_only=True)
class SweepOptions:
    """Conditions of a yield, each a list with commas."""

    sigma: Annotated[
        str | None,
        typer.Option(metavar='"0 uS,5 uS"', help="Standard deviations of programming; default: the preset's errors."),
    ] = None
    stuck_off: Annotated[str | None, typer.Option(metavar="P,P", help="Fractions of devices stuck at g_min.")] = None
    stuck_on: Annotated[str | None, typer.Option(metavar="P,P", help="Fractions of devices stuck at g_max.")] = None
    copies: Annotated[str | None, typer.Option(metavar="N,N", help="Columns programmed for one that is used.")] = None
    calibration: Annotated[
        str | None, typer.Option(metavar="KIND,KIND", help="none, ideal_bias, one_point (default) or two_point.")
    ] = None

    def points(self) -> "list[Conditions]":
        """Return all combinations.

        Raises
        ------
        InputError
            A list that cannot be read, or with a value twice.
        """
        from memramp.peripherals.yields import sweep

        kinds = None if self.calibration is None else [_kind(part.strip()) for part in self.calibration.split(",")]
        lists: list[list[Any] | None] = [
            None if self.sigma is None else conductances("--sigma", self.sigma),
            None if self.stuck_off is None else numbers("--stuck-off", self.stuck_off),
            None if self.stuck_on is None else numbers("--stuck-on", self.stuck_on),
            None if self.copies is None else whole_numbers("--copies", self.copies),
            kinds,
        ]
        options = ("--sigma", "--stuck-off", "--stuck-on", "--copies", "--calibration")
        for option, values in zip(options, lists, strict=True):
            if values is not None and (twice := [value for value in values if values.count(value) > 1]):
                raise InputError(f"{option}: expected different values, found {twice[0]} twice")
        return sweep(*(values or (None,) for values in lists))

    def base(self, remap: bool, spares: int) -> "Calibration":
        """Return the calibration of which the points change what they sweep."""
        return CalibrationOptions(remap=remap).chosen(spares)

    def check(self, points: "list[Conditions]", device: "Device", base: "Calibration") -> None:
        """Check all points before the first column is drawn.

        Raises
        ------
        InputError
            A rate or a number of copies that cannot be.
        """
        from memramp.devices import Device
        from memramp.peripherals import Calibration

        for point in points:
            errors, means = point.changes()
            validated(Device, device.model_dump() | errors, _DEVICE)
            validated(Calibration, base.model_dump() | means, _CALIBRATION)


def make_calibration(kind: str, copies: int, remap: bool) -> "Calibration":
    """Return a calibration; its errors name the options."""
    from memramp.peripherals import Calibration

    return validated(Calibration, {"kind": _kind(kind), "copies": copies, "remap": remap}, _CALIBRATION)


def _kind(text: str) -> str:
    from memramp.peripherals.calibration import CalibrationKind

    return choice("--calibration", text, get_args(CalibrationKind))
