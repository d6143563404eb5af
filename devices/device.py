"""The description of one memristor: conductance window, noise and faults."""

from typing import Self

from pydantic import model_validator

from memramp.config import StrictModel
from memramp.devices.drift import Drift, NoDrift, NoRelaxation, Relaxation
from memramp.devices.iv import Curve, LinearCurve
from memramp.devices.noise import Fraction, NoNoise, ProgNoise
from memramp.devices.read_noise import ReadNoise
from memramp.devices.thermal import NoThermal, Thermal
from memramp.quantities import NonNegativeMicrosiemens


class Device(StrictModel):
    """A memristor that can be set to any conductance of a window (analog levels)."""

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

    def ideal(self) -> "Device":
        """Return a device with the same window, without any noise or faults."""
        return Device(g_min=self.g_min, g_max=self.g_max)
