"""The description of one memristor: conductance window, noise and faults."""

from itertools import pairwise
from typing import Annotated, Any, Self

import numpy as np
from pydantic import BeforeValidator, model_validator

from memramp.config import StrictModel, describe
from memramp.devices.drift import Drift, NoDrift, NoRelaxation, Relaxation
from memramp.devices.iv import Curve, LinearCurve
from memramp.devices.noise import FloatArray, Fraction, NoNoise
from memramp.devices.programming_noise import ProgNoise
from memramp.devices.read_noise import ReadNoise
from memramp.devices.thermal import NoThermal, Thermal
from memramp.quantities import NonNegativeMicrosiemens, parse_quantity

MAX_LEVELS = 65536
"""Most levels that a device may have."""


def _read_levels(value: Any) -> Any:
    """Return a number of levels, or levels as a tuple [uS]; one sentence for what is neither."""
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and 2 <= value <= MAX_LEVELS):
        return value
    if not isinstance(value, list | tuple) or not 2 <= len(value) <= MAX_LEVELS:
        allowed = f"a whole number of 2 to {MAX_LEVELS}, or a list of so many conductances"
        raise ValueError(f"levels are {allowed}, found {describe(value)}")
    levels = tuple(parse_quantity(level, "S", "u") for level in value)
    if any(b <= a for a, b in pairwise(levels)):
        raise ValueError(f"levels must rise, found {describe(list(levels))}")
    return levels


class Device(StrictModel):
    """A memristor that can be set to any conductance of a window, or to finite levels."""

    g_min: NonNegativeMicrosiemens
    """Lowest conductance of the window, that of a reset device [uS]."""

    g_max: NonNegativeMicrosiemens
    """Highest conductance of the window [uS]."""

    prog_noise: ProgNoise = NoNoise()
    """Error of a written conductance, drawn once per device."""

    read_noise: ReadNoise = NoNoise()
    """Fluctuation of each read."""

    stuck_off_rate: Fraction = 0.0
    """Fraction of all devices that stay at g_min whatever is written."""

    stuck_on_rate: Fraction = 0.0
    """Fraction of all devices that stay at g_max whatever is written."""

    levels: Annotated[int | tuple[float, ...] | None, BeforeValidator(_read_levels)] = None
    """Conductances that can be written: a number of evenly spaced ones from g_min to g_max, or a rising list [uS];
    targets are rounded to the nearest before the error is added. None: any (analog)."""

    g_min_std: NonNegativeMicrosiemens = 0.0
    """Standard deviation of g_min from device to device, drawn once per device [uS]."""

    g_max_std: NonNegativeMicrosiemens = 0.0
    """Standard deviation of g_max from device to device, drawn once per device [uS]."""

    drift: Drift = NoDrift()
    """Power law in time, with an exponent per device."""

    relaxation: Relaxation = NoRelaxation()
    """Spread of the conductances that grows with the logarithm of time."""

    thermal: Thermal = NoThermal()
    """What temperature changes."""

    iv: Curve = LinearCurve()
    """Current against voltage."""

    @model_validator(mode="after")
    def _check_window(self) -> Self:
        if self.g_min >= self.g_max:
            raise ValueError(f"g_min must lie below g_max, found {self.g_min:g} uS and {self.g_max:g} uS")
        return self

    @model_validator(mode="after")
    def _check_rates(self) -> Self:
        if self.stuck_off_rate + self.stuck_on_rate > 1.0:
            rates = f"{self.stuck_off_rate:g} and {self.stuck_on_rate:g}"
            raise ValueError(f"stuck_off_rate and stuck_on_rate together are at most 1, found {rates}")
        return self

    @model_validator(mode="after")
    def _bind(self) -> Self:
        object.__setattr__(self, "read_noise", self.read_noise.bound(self.g_max))
        return self

    @property
    def ages(self) -> bool:
        """Whether time or temperature changes conductances."""
        blocks = (self.drift, self.relaxation, self.thermal)
        return any(block.kind != "none" for block in blocks)

    @model_validator(mode="after")
    def _check_levels(self) -> Self:
        if isinstance(self.levels, tuple) and not (self.g_min <= self.levels[0] and self.levels[-1] <= self.g_max):
            window = f"{self.g_min:g}..{self.g_max:g} uS"
            found = f"{self.levels[0]:g} to {self.levels[-1]:g} uS"
            raise ValueError(f"levels must lie in the window {window}, found {found}")
        return self

    def level_values(self) -> FloatArray | None:
        """Return the conductances that can be written, rising; None for an analog device [uS]."""
        if isinstance(self.levels, int):
            return np.linspace(self.g_min, self.g_max, self.levels)
        return None if self.levels is None else np.array(self.levels)

    def ideal(self) -> "Device":
        """Return a device with the same window and levels, without any noise, faults or ageing."""
        return Device(g_min=self.g_min, g_max=self.g_max, levels=self.levels)
