"""What each source of error of a network's hardware is made of; see `memramp.models.noise_sources`."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from memramp.crossbar.wires import WireConfig
from memramp.devices import Device
from memramp.devices.iv import LinearCurve
from memramp.devices.magnitudes import (
    continuous,
    reads_with_noise,
    with_ageing,
    with_faults,
    with_programming,
    with_reading,
    with_windows,
    writes_with_errors,
)
from memramp.errors import InputError
from memramp.models.gates import StateConfig
from memramp.models.hardware import HardwareConfig
from memramp.models.spec import NetworkSpec
from memramp.peripherals.circuit import CircuitConfig, ComparatorConfig, IntegratorConfig
from memramp.peripherals.environment import EnvironmentConfig

Scaled = Callable[[HardwareConfig, float], HardwareConfig]
"""Return hardware with a source multiplied; its ramps have a device block of their own."""


@dataclass(frozen=True)
class Source:
    """One source of error."""

    name: str
    """For files."""

    title: str
    """For tables and figures."""

    continuous: bool
    """Whether it has a size; else it is there or not."""

    scaled: Scaled

    def factor(self, u: float, largest: float = 1.0) -> float:
        """Return the factor for a number in 0..1: up to `largest`, or, without a size, 1 from 0.5 on and else 0."""
        if self.continuous:
            return u * largest
        return 1.0 if u >= 0.5 else 0.0


def _on_weights(change: Callable[[Device, float], Device]) -> Scaled:
    return lambda hardware, factor: hardware.model_copy(update={"device": change(hardware.device, factor)})


def _on_ramps(change: Callable[[Device, float], Device]) -> Scaled:
    return lambda hardware, factor: hardware.model_copy(
        update={"ramp_device": change(hardware.devices_of_ramp, factor)}
    )


def _on_both(change: Callable[[Device, float], Device]) -> Scaled:
    return lambda hardware, factor: _on_ramps(change)(_on_weights(change)(hardware, factor), factor)


def _off(block: str, **values: Any) -> Scaled:
    """Return what gives a block of hardware other values, at factor 0."""
    return lambda hardware, _factor: hardware.model_copy(
        update={block: getattr(hardware, block).model_copy(update=values)}
    )


def digital_sources(hardware: HardwareConfig, network: NetworkSpec) -> Iterator[Source]:
    """Yield what happens to numbers before they reach the arrays, and to the cell state."""
    if hardware.input.bits is not None and hardware.input.coding != "bit_serial":  # whose bits are no error but its way
        yield Source("input_resolution", "resolution of inputs", False, _off("input", bits=None))
    if hardware.state.range is not None and any(layer.kind == "lstm" for layer in network.recurrent):
        yield Source("state_register", "cell-state register", False, _no_register)


    if hardware.input.coding == "amplitude" and hardware.device.iv.kind != "linear":
        yield Source("iv_curve", "current-voltage curve", False, _linear_devices)


def _linear_devices(hardware: HardwareConfig, _factor: float) -> HardwareConfig:
    """Return hardware whose devices are linear, those of the ramps too, so that both see one environment."""
    device, ramp = (
        each.model_copy(update={"iv": LinearCurve()}) for each in (hardware.device, hardware.devices_of_ramp)
    )
    return hardware.model_copy(update={"device": device, "ramp_device": ramp})


def _no_register(hardware: HardwareConfig, _factor: float) -> HardwareConfig:
    return hardware.model_copy(update={"state": StateConfig()})


def array_sources(hardware: HardwareConfig) -> Iterator[Source]:
    """Yield what arrays of weights add."""
    device, measured = hardware.device, hardware.measured
    if measured is not None and measured.weights is not None:
        yield Source("measured_weights", "measured weights", False, _no_measured_weights)
    else:
        if device.levels is not None:
            yield Source("weight_levels", "levels of weights", False, _off("device", levels=None))
        yield from _written("weight", device, _on_weights)
        if hardware.faults is not None:
            yield Source("known_faults", "known stuck weights", False, _no_known_faults)
    if reads_with_noise(device):
        yield Source("weight_reading", "read noise of weights", True, _on_weights(with_reading))
    if not hardware.crossbar.wires.ideal:
        yield Source("wires", "wires", True, _scaled_wires)
    if hardware.crossbar.tile.mismatch > 0.0:
        yield Source("capacitor_mismatch", "mismatch of capacitors", True, _scaled_mismatch)


def ramp_sources(hardware: HardwareConfig) -> Iterator[Source]:
    """Yield what ramps add; none of it where no ramp converts anything."""
    device, measured = hardware.devices_of_ramp, hardware.measured
    if measured is not None and measured.ramps is not None:
        yield Source("measured_ramps", "measured ramps", False, _no_measured_ramps)
    else:
        yield from _written("ramp", device, _on_ramps)
    if reads_with_noise(device):
        yield Source("ramp_reading", "read noise of ramps", True, _on_ramps(with_reading))


def _written(
    name: str, device: Device, on: Callable[[Callable[[Device, float], Device]], Scaled]
) -> Iterator[Source]:
    """Yield what happens to devices when they are programmed."""
    if writes_with_errors(device):
        yield Source(f"{name}_programming", f"programming of {name}s", continuous(device), on(with_programming))
    if device.stuck_off_rate + device.stuck_on_rate > 0.0:
        yield Source(f"{name}_stuck", f"stuck {name} devices", True, on(with_faults))
    if device.g_min_std + device.g_max_std > 0.0:
        yield Source(f"{name}_windows", f"windows of {name} devices", True, on(with_windows))


def _no_known_faults(hardware: HardwareConfig, _factor: float) -> HardwareConfig:
    return hardware.model_copy(update={"faults": None})


def _as_asked(device: Device) -> Device:
    return with_windows(with_faults(with_programming(device, 0.0), 0.0), 0.0)


def _no_measured_weights(hardware: HardwareConfig, _factor: float) -> HardwareConfig:
    """Return hardware whose weights are what was asked for; nothing is drawn in place of what was measured."""
    assert hardware.measured is not None
    measured = replace(hardware.measured, weights=None, weight_table=None)
    return hardware.model_copy(update={"measured": measured, "device": _as_asked(hardware.device)})


def _no_measured_ramps(hardware: HardwareConfig, _factor: float) -> HardwareConfig:
    assert hardware.measured is not None
    measured = replace(hardware.measured, ramps=None, ramp_table=None)
    return hardware.model_copy(update={"measured": measured, "ramp_device": _as_asked(hardware.devices_of_ramp)})


def _in_crossbar(hardware: HardwareConfig, **blocks: Any) -> HardwareConfig:
    return hardware.model_copy(update={"crossbar": hardware.crossbar.model_copy(update=blocks)})


def _scaled_wires(hardware: HardwareConfig, factor: float) -> HardwareConfig:
    wires = hardware.crossbar.wires
    if factor == 0.0:
        return _in_crossbar(hardware, wires=WireConfig())
    keys = ("r_row", "r_col", "r_source", "r_sink", "r_access")
    return _in_crossbar(hardware, wires=wires.model_copy(update={key: factor * getattr(wires, key) for key in keys}))


def _scaled_mismatch(hardware: HardwareConfig, factor: float) -> HardwareConfig:
    tile = hardware.crossbar.tile
    return _in_crossbar(hardware, tile=tile.model_copy(update={"mismatch": factor * tile.mismatch}))


def circuit_sources(hardware: HardwareConfig) -> Iterator[Source]:
    """Yield what the circuit of the converters adds."""
    circuit = hardware.circuit
    if circuit.comparator != ComparatorConfig():
        yield Source("comparators", "comparators", True, _scaled_comparators)
    if circuit.integrator != IntegratorConfig(c_in=circuit.integrator.c_in):
        yield Source("integrators", "integrators", False, _off("circuit", integrator=IntegratorConfig()))
    if circuit.jitter > 0.0:
        yield Source("jitter", "jitter of the clock", True, _scaled_jitter)


def _in_circuit(hardware: HardwareConfig, **values: Any) -> HardwareConfig:
    circuit: CircuitConfig = hardware.circuit.model_copy(update=values)
    return hardware.model_copy(update={"circuit": circuit})


def _scaled_comparators(hardware: HardwareConfig, factor: float) -> HardwareConfig:
    old = hardware.circuit.comparator
    values = {key: factor * value for key, value in old.model_dump().items()}
    return _in_circuit(hardware, comparator=old.model_copy(update=values))


def _scaled_jitter(hardware: HardwareConfig, factor: float) -> HardwareConfig:
    return _in_circuit(hardware, jitter=factor * hardware.circuit.jitter)


def late_sources(hardware: HardwareConfig) -> Iterator[Source]:
    """Yield what conditions at inference and time add."""
    around, nominal = hardware.environment, hardware.circuit
    later = around.t_inference > 0.0
    warmer = around.temperature not in (None, nominal.temperature)
    if around.v_read not in (None, nominal.v_read) or (later and around.nu) or (
        warmer and around.temperature_coefficient
    ):
        yield Source("environment", "environment", True, _scaled_environment)
    ages = hardware.device.ages or hardware.devices_of_ramp.ages
    if ages and (later or warmer):
        yield Source("ageing", "ageing of devices", True, _on_both(with_ageing))


def _scaled_environment(hardware: HardwareConfig, factor: float) -> HardwareConfig:
    """Return hardware whose currents are off by so much; time and temperature stay, as devices age by them."""
    around, nominal = hardware.environment, hardware.circuit.v_read
    v_read = None if around.v_read is None or factor == 0.0 else nominal + factor * (around.v_read - nominal)
    if v_read is not None and v_read <= 0.0:
        raise InputError(f"the read voltage would be {v_read:g} V; take a smaller factor")
    values = {
        "v_read": v_read,
        "nu": factor * around.nu,
        "temperature_coefficient": factor * around.temperature_coefficient,
    }
    changed: EnvironmentConfig = around.model_copy(update=values)
    return hardware.model_copy(update={"environment": changed})
