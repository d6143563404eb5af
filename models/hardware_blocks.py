"""The blocks of a YAML file that describe hardware, shared by experiments and trainings."""

from memramp.config import StrictModel
from memramp.crossbar import CrossbarConfig
from memramp.devices import DeviceConfig, resolve_device
from memramp.models.hardware import HardwareConfig, Readout, StateTanh
from memramp.peripherals import ActivationConfig, InputConfig


class HardwareBlocks(StrictModel):
    """The top-level keys ``device``, ``ramp_device``, ``crossbar``, ``input`` and ``activation``."""

    device: DeviceConfig | None = None
    """The memristors: a preset, keys that override it, or all keys."""

    ramp_device: DeviceConfig | None = None
    """Other memristors for the ramp columns; by default those of the weights."""

    crossbar: CrossbarConfig = CrossbarConfig()
    input: InputConfig = InputConfig()
    activation: ActivationConfig = ActivationConfig()

    def hardware(self, tanh_c: StateTanh, readout: Readout) -> HardwareConfig | None:
        """Return the hardware that the blocks describe, None without a device.

        Raises
        ------
        InputError
            A preset that does not exist, or a device that is not completely described.
        """
        if self.device is None:
            return None
        return HardwareConfig(
            device=resolve_device(self.device),
            ramp_device=None if self.ramp_device is None else resolve_device(self.ramp_device),
            crossbar=self.crossbar,
            input=self.input,
            activation=self.activation,
            tanh_c=tanh_c,
            readout=readout,
        )
