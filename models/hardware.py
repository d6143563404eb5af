"""The hardware that a network runs on: devices, array mapping, input drivers, converters."""

from typing import Annotated, Literal, Self

from pydantic import Field, InstanceOf, model_validator

from memramp.config import StrictModel
from memramp.crossbar import ArrayFaults, CrossbarConfig, Reading, filled_by
from memramp.devices import Device
from memramp.models.gates import Gate, GateConfig, StateConfig
from memramp.models.measured_network import MeasuredNetwork
from memramp.peripherals import ActivationConfig, InputConfig
from memramp.peripherals.circuit import CircuitConfig
from memramp.peripherals.driver_kernels import Coding
from memramp.peripherals.environment import EnvironmentConfig
from memramp.peripherals.input_driver import coding_of

StateTanh = Literal["digital", "nladc"]
Readout = Literal["digital", "analog"]


class LinearAdcConfig(StrictModel):
    """The ``linear_adc`` block: uniform converters of sums that no activation function follows at once."""

    bits: Annotated[int, Field(strict=True, ge=2, le=12)] = 8
    """Resolution."""

    range: Annotated[float, Field(strict=True, ge=1e-6, le=1e6)] | None = None
    """Sum of the largest code; larger ones are clipped. None: four standard deviations of the sums of inputs that are
    independent and uniform in -1..1, for the widest column of the array; our choice [pre-activation]."""


class HardwareConfig(StrictModel):
    """Everything analog about a network."""

    device: Device
    """The memristors of the weights and, unless `ramp_device` is given, of the ramps."""

    ramp_device: Device | None = None
    """Other memristors for the ramp columns."""

    crossbar: CrossbarConfig = CrossbarConfig()
    """Weights to conductances."""

    input: InputConfig = InputConfig()
    """Drivers of features and hidden states, which both lie in -1..1."""

    activation: ActivationConfig = ActivationConfig()
    """Converters of the gates, each with its function; see `gates` for departures of single ones."""

    circuit: CircuitConfig = CircuitConfig()
    """Integrators, comparators and clock of the gates' converters; ideal by default."""

    environment: EnvironmentConfig = EnvironmentConfig()
    """Conditions at inference; those of programming by default."""

    tanh_c: StateTanh = "digital"
    """tanh of the cell state: in floating point (the last released code), or by the tanh converter once more."""

    readout: Readout = "digital"
    """Dense read-out: in floating point, or in an array of its own whose largest output wins (ideal comparison)."""

    gates: dict[Gate, GateConfig] = Field(default_factory=dict)
    """Departures of single gates from `activation`."""

    state: StateConfig = StateConfig()
    """Register of the cell state."""

    projection: Readout = "digital"
    """Projection of an LSTM: in floating point, or in an array of its own whose sums are converted by `linear_adc`."""

    linear_adc: LinearAdcConfig = LinearAdcConfig()
    """Converters of an analog projection, and of both halves of a GRU's candidate."""

    measured: InstanceOf[MeasuredNetwork] | None = Field(default=None, exclude=True)
    """Measured devices in place of programmed ones, see `memramp.models.measured_network`."""

    faults: InstanceOf[ArrayFaults] | None = Field(default=None, exclude=True)
    """Devices of weights that are known to be stuck, by array, see `memramp.models.network_arrays`."""

    designed_for: Device | None = Field(default=None, exclude=True)
    """Devices that the ramps were designed for, where they are others than `devices_of_ramp`."""

    def ideal(self) -> "HardwareConfig":
        """Return the same hardware with ideal devices in an ideal circuit, as programmed: only quantisation is left.

        The ramps stay those that were designed for the real devices.
        """
        return self.model_copy(
            update={
                "designed_for": self.design_device,
                "device": self.device.ideal(),
                "crossbar": self.crossbar.ideal(),
                "ramp_device": None if self.ramp_device is None else self.ramp_device.ideal(),
                "circuit": self.circuit.ideal(),
                "environment": EnvironmentConfig(),
                "measured": None,
                "faults": None,
            }
        )

    def clipped_at(self, clip: float | None) -> "HardwareConfig":
        """Return the hardware with another weight that fills the devices' window; None: as it is."""
        if clip is None:
            return self
        return self.model_copy(update={"crossbar": filled_by(clip, self.crossbar, self.device)})

    @property
    def reading(self) -> Reading:
        """When and how arrays of weights are read."""
        circuit = self.circuit
        conditions = self.environment.conditions("weights", circuit.v_read, circuit.t_pulse, circuit.temperature)
        return Reading(conditions, circuit.temperature)

    @property
    def coding(self) -> Coding | None:
        """How the input drivers code, as kernels take it; None for pulse widths.

        At the actual read voltage: what it does to a full input belongs to the environment's factor.
        """
        return coding_of(self.input, self.reading.conditions.v_read, self.device.iv)

    @property
    def weights_factor(self) -> float:
        """By what the environment multiplies the pre-activations of the weights."""
        curves = (self.device.iv, self.devices_of_ramp.iv)
        return self.environment.factors(self.circuit.v_read, self.circuit.temperature, curves=curves)[0]

    @model_validator(mode="after")
    def _check_currents(self) -> Self:
        linear = self.device.iv.kind == "linear"
        if not linear and not self.crossbar.wires.ideal:
            raise ValueError(
                f"crossbar.wires are solved for linear devices, found device.iv of kind '{self.device.iv.kind}' "
                "(memramp.crossbar.wire_nonlinear solves single arrays of such devices)"
            )
        _ = self.weights_factor, self.coding  # whether the curve is known at the read voltages
        return self

    @model_validator(mode="after")
    def _check_single_devices(self) -> Self:
        if self.crossbar.noise_on == "used_side" and self.faults is not None:
            raise ValueError("faults are those of single devices, which crossbar.noise_on 'used_side' does not have")
        if self.measured is not None and self.measured.weights is not None and self.faults is not None:
            raise ValueError("readback.weights holds what all devices measured, so faults cannot be given beside it")
        return self

    @model_validator(mode="after")
    def _check_coding(self) -> Self:
        if self.input.coding == "bit_serial" and self.device.read_noise.toggles:
            raise ValueError(
                "input.coding 'bit_serial' cannot be used with telegraph read noise, whose states would be drawn once "
                "for all bits of an input"
            )
        return self

    @property
    def design_device(self) -> Device:
        """The memristors that the ramps were designed for."""
        return self.designed_for or self.devices_of_ramp

    @property
    def devices_of_ramp(self) -> Device:
        """The memristors of the ramp columns."""
        return self.device if self.ramp_device is None else self.ramp_device
