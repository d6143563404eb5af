"""Devices whose errors are larger or smaller by a factor: what a study of sensitivity varies.

A factor multiplies the *size* of an error, its standard deviation or its reach; the draws behind it stay the same, so
that the error of a device grows in proportion to the factor. Factor 1 gives the noise itself, factor 0 none.
"""

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike
from pydantic import InstanceOf

from memramp.devices.device import Device
from memramp.devices.drift import LogDrift, LognormalRelaxation, NoDrift, NoRelaxation, NormalRelaxation, PowerLawDrift
from memramp.devices.drift import TabulatedRelaxation as _Tabulated
from memramp.devices.fluctuation import DEFAULT_CONDITIONS, Fluctuation, ReadConditions
from memramp.devices.noise import ConstantNoise, FloatArray, NoNoise, ProportionalNoise, UniformNoise, _Noise
from memramp.devices.programming_noise import PolynomialNoise, SigmaTableNoise, TableNoise
from memramp.devices.thermal import ActivatedThermal, LinearThermal, NoThermal

_SIZES: dict[type, tuple[str, ...]] = {
    ConstantNoise: ("sigma",),
    ProportionalNoise: ("fraction",),
    PolynomialNoise: ("coefficients",),
    UniformNoise: ("half_width",),
    SigmaTableNoise: ("sigmas",),
    TableNoise: ("errors",),
    PowerLawDrift: ("nu", "nu_std"),
    LogDrift: (
        "nu",
        "nu_slope",
        "nu_min",
        "nu_max",
        "nu_std",
        "nu_std_slope",
        "nu_std_min",
        "nu_std_max",
    ),
    NormalRelaxation: ("sigma", "sigma_per_decade", "mean", "mean_per_decade"),
    LognormalRelaxation: ("sigma", "sigma_per_decade", "mean", "mean_per_decade"),
    _Tabulated: ("coefficients",),
    LinearThermal: ("coefficient",),
    ActivatedThermal: ("conduction_energy",),
}
"""Numbers of each kind of block that its error is proportional to."""

_GRID = 33  # conductances at which a noise is looked at


class ScaledNoise(_Noise):
    """Read noise of any kind, with all amplitudes multiplied by a factor. Not for files."""

    kind: Literal["scaled"] = "scaled"
    base: InstanceOf[_Noise]
    factor: float

    def std(self, g: ArrayLike) -> FloatArray:
        """Return the standard deviation [uS]."""
        return self.factor * self.base.std(g)

    def fluctuation(
        self,
        g: ArrayLike,
        conditions: ReadConditions = DEFAULT_CONDITIONS,
        rng: np.random.Generator | None = None,
    ) -> Fluctuation:
        """Return the fluctuation of the base, times the factor."""
        return self.base.fluctuation(g, conditions, rng).scaled(np.full(np.shape(g), self.factor))

    @property
    def toggles(self) -> bool:
        """Whether single devices have two states."""
        return self.base.toggles


def continuous(device: Device) -> bool:
    """Return whether the device's programming error has a size that can be varied: a simulated loop has none."""
    return type(device.prog_noise) in _SIZES


def with_programming(device: Device, factor: float) -> Device:
    """Return the device with programming errors `factor` times as large.

    Parameters
    ----------
    device : Device
        Any; the error of a simulated write-verify loop can only be left as it is or taken away.
    factor : float
        At least 0.

    Raises
    ------
    ValueError
        A factor other than 0 and 1 for a write-verify loop.
    """
    return _replaced(device, prog_noise=_scaled(device.prog_noise, factor, NoNoise()))


def with_reading(device: Device, factor: float) -> Device:
    """Return the device with read noise `factor` times as large; see `with_programming`."""
    if factor == 1.0:
        return device
    noise = NoNoise() if factor == 0.0 else ScaledNoise(base=device.read_noise, factor=factor)
    return _replaced(device, read_noise=noise)


def with_ageing(device: Device, factor: float) -> Device:
    """Return the device with drift, relaxation and changes with temperature `factor` times as large.

    Of thermal activation, the energy of conduction is scaled; how much faster devices age when it is hot stays as it
    is.
    """
    drift = _scaled(device.drift, factor, NoDrift())
    relaxation = _scaled(device.relaxation, factor, NoRelaxation())
    return _replaced(device, drift=drift, relaxation=relaxation, thermal=_scaled(device.thermal, factor, NoThermal()))


def with_faults(device: Device, factor: float) -> Device:
    """Return the device with rates of stuck devices multiplied; those of a lower rate are stuck at a higher one too."""
    return _replaced(
        device,
        stuck_off_rate=factor * device.stuck_off_rate,
        stuck_on_rate=factor * device.stuck_on_rate,
    )


def with_windows(device: Device, factor: float) -> Device:
    """Return the device with the spread of the windows' ends multiplied."""
    return _replaced(device, g_min_std=factor * device.g_min_std, g_max_std=factor * device.g_max_std)


def writes_with_errors(device: Device) -> bool:
    """Return whether programming has errors."""
    return bool(np.any(device.prog_noise.window(_conductances(device))))


def reads_with_noise(device: Device) -> bool:
    """Return whether reads fluctuate."""
    found = device.read_noise.fluctuation(_conductances(device), rng=np.random.default_rng(0))
    return device.read_noise.toggles or bool(found.held.any() or found.white.any())


def _conductances(device: Device) -> FloatArray:
    return np.linspace(device.g_min, device.g_max, _GRID)


def _replaced(device: Device, **blocks: Any) -> Device:
    """Return the device with other blocks; the same one where nothing changes."""
    changed = {name: block for name, block in blocks.items() if block is not getattr(device, name)}
    return device.model_copy(update=changed) if changed else device


def _scaled(block: Any, factor: float, none: Any) -> Any:
    """Return a block with its sizes multiplied: itself for factor 1, `none` for 0."""
    if factor == 1.0 or block.kind == "none":
        return block
    if factor == 0.0:
        return none
    if type(block) not in _SIZES:
        raise ValueError(f"errors of kind '{block.kind}' have no size that could be multiplied by {factor:g}")
    return block.model_copy(update={name: _times(getattr(block, name), factor) for name in _SIZES[type(block)]})


def _times(value: Any, factor: float) -> Any:
    return tuple(_times(each, factor) for each in value) if isinstance(value, tuple) else factor * value
