"""What a programming table says of a ramp as a whole, and of each of its devices."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from memramp.config import StrictModel
from memramp.peripherals.function_record import FunctionRecord
from memramp.peripherals.levels import MAX_BITS, LevelsKind
from memramp.peripherals.ramp import MAX_ROWS, Role
from memramp.quantities import MAX_MICROSIEMENS

Write = Literal["yes", "no", "never"]
Conductance = Annotated[float, Field(ge=0.0, le=MAX_MICROSIEMENS)]


class TableRow(StrictModel):
    """One device of a ramp column."""

    row: Annotated[int, Field(strict=True, ge=0, lt=MAX_ROWS)]
    """Word line, from 0 in each ramp."""

    role: Role
    """``ramp`` devices fire clock by clock; ``bias`` devices fire together before, with the opposite sign; ``spare``
    devices never fire."""

    clock: Annotated[int, Field(strict=True, ge=-1, le=MAX_ROWS)]
    """Clock cycle in which it fires: from 1 on for the ramp, 0 for bias devices, -1 for spares: never."""

    polarity: Literal[1, -1]
    """Sign with which it fires: -1 for bias devices."""

    pulse_width: Annotated[float, Field(gt=0.0, le=1.0)]
    """Width of its pulse relative to the ramp's full pulse."""

    write_order: Annotated[int, Field(strict=True, ge=-1, lt=MAX_ROWS)]
    """When it is written, from 0; -1: not at all."""

    target_uS: Conductance  # noqa: N815  (the column's name in the file)
    """Conductance to be programmed [uS]."""

    tolerance_uS: Annotated[float, Field(gt=0.0, le=MAX_MICROSIEMENS)]  # noqa: N815
    """How far it may lie from that in either direction: half the window of a write-verify loop [uS]."""

    threshold: float | None = None
    """Value of the ramp once its clock has fired, for bias rows the start value; None for spares [pre-activation]."""

    level: float | None = None
    """The activation function there."""

    output: float | None = None
    """Output of the converter from this threshold on; None where the ramp's value is not compared."""

    code: Annotated[int, Field(strict=True, ge=0)] | None = None
    """The counter's value from this threshold on; None likewise."""

    write: Write = "yes"
    """Whether it is to be written now; ``never``: found stuck, nothing is written to it any more."""


class RampSettings(StrictModel):
    """What is said of a ramp as a whole."""

    function: FunctionRecord
    """The activation function."""

    bits: Annotated[int, Field(strict=True, ge=1, le=MAX_BITS)]
    """Resolution."""

    levels: LevelsKind
    """Placement of the thresholds."""

    span: tuple[float | None, float | None]
    """Inputs that the converter resolves; null: without end [pre-activation]."""

    g_min_uS: Conductance  # noqa: N815
    """Lower end of the device window [uS]."""

    g_max_uS: Annotated[float, Field(gt=0.0, le=MAX_MICROSIEMENS)]  # noqa: N815
    """Upper end of the device window [uS]."""

    v_per_us: Annotated[float, Field(gt=0.0)]
    """Pre-activation per uS that fires with a full pulse."""

    bias_uS: Annotated[float, Field(gt=0.0, le=MAX_MICROSIEMENS)]  # noqa: N815
    """Designed conductance of each bias device; its present target may be another, after a calibration [uS]."""

    bias_total_uS: Annotated[float, Field(gt=0.0)]  # noqa: N815
    """What the bias devices hold together by design, with the width of their pulse [uS]."""

    first: Annotated[int, Field(strict=True, ge=0, le=1)]
    """Clock after which the ramp is first compared: 0, or 1 where a lead-in raises it to the first threshold."""

    anchor: Annotated[int, Field(strict=True, ge=0, le=MAX_ROWS)]
    """Clock after which the ramp is nearest to 0: where one-point calibration measures."""

    lsb: Annotated[float, Field(gt=0.0)]
    """Output step from one code to the next, or their mean."""

    outputs: Annotated[tuple[float, ...], Field(min_length=2, max_length=MAX_ROWS)]
    """Output of each count."""

    codes: Annotated[tuple[Annotated[int, Field(strict=True, ge=0)], ...], Field(min_length=2, max_length=MAX_ROWS)]
    """The counter's value at each count."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.g_min_uS >= self.g_max_uS:
            raise ValueError(f"g_min_uS must lie below g_max_uS, found {self.g_min_uS:g} and {self.g_max_uS:g}")
        if len(self.codes) != len(self.outputs):
            raise ValueError(f"codes and outputs are as many, found {len(self.codes)} and {len(self.outputs)}")
        if max(self.codes) >= 2**self.bits:
            raise ValueError(f"codes of {self.bits} bits lie below {2**self.bits}, found {max(self.codes)}")
        return self
