"""The blocks of a YAML file that describe hardware, shared by experiments and trainings."""

from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from memramp.config import StrictModel
from memramp.crossbar import CrossbarConfig, load_array_faults
from memramp.devices import DeviceConfig, resolve_device
from memramp.models.gates import Gate, GateConfig, StateConfig
from memramp.models.hardware import HardwareConfig, LinearAdcConfig, Readout, StateTanh
from memramp.models.measured_network import ReadbackConfig
from memramp.peripherals import ActivationConfig, InputConfig
from memramp.peripherals.circuit import CircuitConfig
from memramp.peripherals.environment import EnvironmentConfig, check_ageing


class HardwareBlocks(StrictModel):
    """The top-level keys ``device`` to ``readback`` below."""

    device: DeviceConfig | None = None
    """The memristors: a preset, keys that override it, or all keys."""

    ramp_device: DeviceConfig | None = None
    """Other memristors for the ramp columns; by default those of the weights."""

    crossbar: CrossbarConfig = CrossbarConfig()
    input: InputConfig = InputConfig()
    activation: ActivationConfig = ActivationConfig()
    circuit: CircuitConfig = CircuitConfig()
    environment: EnvironmentConfig = EnvironmentConfig()

    gates: dict[Gate, GateConfig] = Field(default_factory=dict)
    """Departures of single gates from `activation`, e.g. ``gates: {o: {bits: 4}}``."""

    state: StateConfig = StateConfig()
    """Register of the cell state of LSTMs."""

    linear_adc: LinearAdcConfig = LinearAdcConfig()
    """Converters of analog projections and of the halves of a GRU's candidate."""

    readback: ReadbackConfig | None = None
    """Measured devices in place of programmed ones."""

    faults: Path | None = None
    """CSV file of devices of the weights that are stuck, see `memramp.crossbar.load_array_faults`; relative to the
    folder of the command."""

    @model_validator(mode="after")
    def _check_circuit(self) -> Self:
        # Told before anything runs; a column with more thresholds than 2**bits is met when it is programmed.
        self.circuit.check_leakage(2**self.activation.bits)
        self.environment.factors(self.circuit.v_read, self.circuit.temperature)
        return self

    def hardware(
        self, tanh_c: StateTanh, readout: Readout, projection: Readout = "digital"
    ) -> HardwareConfig | None:
        """Return the hardware that the blocks describe, None without a device.

        Raises
        ------
        InputError
            A preset that does not exist, a device that is not completely described or whose ageing is not known for
            the environment, a read-back or faults that cannot be read.
        """
        if self.device is None:
            return None
        device = resolve_device(self.device)
        ramp_device = None if self.ramp_device is None else resolve_device(self.ramp_device)
        for each in (device, ramp_device or device):
            check_ageing(each, self.environment, self.circuit.temperature)
        return HardwareConfig(
            device=device,
            ramp_device=ramp_device,
            crossbar=self.crossbar,
            input=self.input,
            activation=self.activation,
            circuit=self.circuit,
            environment=self.environment,
            tanh_c=tanh_c,
            readout=readout,
            projection=projection,
            gates=self.gates,
            state=self.state,
            linear_adc=self.linear_adc,
            faults=None if self.faults is None else load_array_faults(self.faults),
            measured=None if self.readback is None else self.readback.load(),
        )
