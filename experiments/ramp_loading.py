"""From a ramp experiment's file to the columns that it asks for, all of them designed before anything is programmed."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from memramp.config import describe, validate
from memramp.devices import Device, resolve_device
from memramp.errors import InputError
from memramp.experiments.loading import read_experiment, with_overrides
from memramp.experiments.ramp_schema import BlockConfig, RampExperimentConfig
from memramp.peripherals import RampDesign, Realisation, design_ramp
from memramp.peripherals.density import density_for
from memramp.peripherals.function import Function


@dataclass(frozen=True, eq=False)
class RampSet:
    """The columns of one function."""

    function: Function

    design: RampDesign
    """The column without what a calibration adds."""

    calibrated: tuple[RampDesign, ...]
    """The column of each calibration: the same ramp, with its spares and bias devices."""

    @property
    def digest(self) -> str:
        """SHA-256 of ideal thresholds, outputs and target conductances."""
        arrays = (self.design.ramp, self.design.outputs, self.design.column.target)
        return sha256(b"".join(array.astype("<f8").tobytes() for array in arrays)).hexdigest()


@dataclass(frozen=True, eq=False)
class RampExperiment:
    """A validated ramp experiment, with its columns designed."""

    source: str
    """The file that it was read from."""

    overrides: tuple[str, ...]
    """The ``--set`` texts."""

    config: RampExperimentConfig

    device: Device
    """The devices that the ramps are designed for."""

    blocks: tuple[tuple[BlockConfig, Device], ...]
    """Each block with its devices."""

    sets: tuple[RampSet, ...]
    """One for each function."""

    @property
    def rows(self) -> int:
        """Number of rows of results: for each function the ideal ramp, and each column before and after calibration."""
        columns = sum(block.columns for block, _ in self.blocks)
        return len(self.sets) * (1 + columns * (1 + len(self.config.calibrations)))

    def resolved(self) -> dict[str, Any]:
        """Return the configuration with all defaults and the presets' numbers, fit for JSON and for a new file."""
        plain = self.config.model_dump(mode="json")
        preset = {} if self.config.device.preset is None else {"preset": self.config.device.preset}
        return plain | {"device": preset | self.device.model_dump(mode="json")}


def load_ramp_experiment(path: Path | str, overrides: Sequence[str] = ()) -> RampExperiment:
    """Read the file of a ramp experiment and design its columns; nothing is programmed.

    Parameters
    ----------
    path : path
        The YAML file, or the name of a shipped one, ``"ramp_calibration"``.
    overrides : sequence of str
        ``key.path=value`` texts, see `memramp.experiments.overrides.apply_overrides`.

    Raises
    ------
    InputError
        The sentence names the file and the key, or says which ramp cannot be realised and why.
    """
    path, data = read_experiment(path, overrides)
    return ramp_experiment(path, overrides, data)


def ramp_experiment(path: Path, overrides: Sequence[str], data: dict[str, Any]) -> RampExperiment:
    """Return the ramp experiment that a file's data describe; see `load_ramp_experiment`."""
    where = with_overrides(path, overrides)
    if (kind := data.get("experiment", "network")) != "ramp":
        raise InputError(f"{where}: 'experiment' is {describe(kind)}, this needs 'experiment: ramp'")
    config = validate(RampExperimentConfig, data, where)
    with _naming(where):
        device = resolve_device(config.device)
    blocks = tuple((block, block.devices(device, where)) for block in config.blocks)
    with _naming(where):
        sets = tuple(_design(config, entry.resolve(), device) for entry in config.functions)
    names = [part.function.name for part in sets]
    if twice := [name for name in names if names.count(name) > 1]:
        raise InputError(f"{where}: 'functions' has {twice[0]} twice")
    return RampExperiment(str(path), tuple(overrides), config, device, blocks, sets)


def _design(config: RampExperimentConfig, function: Function, device: Device) -> RampSet:
    density = density_for(config.levels, config.density, function.name)

    def made(realisation: Realisation) -> RampDesign:
        return design_ramp(function, config.bits, config.levels, device, density=density, realisation=realisation)

    plain = made(config.realisation)
    return RampSet(function, plain, tuple(made(each.realisation(config.realisation)) for each in config.calibrations))


@contextmanager
def _naming(where: str) -> Iterator[None]:
    try:
        yield
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
