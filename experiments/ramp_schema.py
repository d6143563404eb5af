"""The schema of an experiment with ramp columns alone: ``experiment: ramp``."""

from itertools import pairwise
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from memramp.config import StrictModel
from memramp.defaults import INL_LIMIT
from memramp.devices import Device, DeviceConfig, override_device
from memramp.devices.noise import Fraction
from memramp.experiments.schema import RunKeys
from memramp.peripherals import Calibration, LevelsKind, Realisation
from memramp.peripherals.function_config import FunctionConfig
from memramp.peripherals.levels import MAX_BITS
from memramp.quantities import Volts

IDEAL = "ideal"
"""Stands in place of a block's name for the ramp of ideal devices."""

BEFORE: Literal["none"] = "none"
"""Stands in place of a calibration's name for the columns as they were programmed."""

_Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,31}$")]
_Supply = Annotated[Volts, Field(gt=0, le=10)]


class BlockConfig(StrictModel):
    """One entry of ``blocks``: ramp columns whose devices differ from those of ``device`` in what is given here."""

    name: _Name
    """Name in tables and figures."""

    columns: Annotated[int, Field(ge=1, le=1000, strict=True)] = 8
    """Number of columns, each with ramp and bias devices of its own."""

    prog_noise: dict[str, Any] | None = None
    """Error of the written conductances; keys that are left out are those of ``device``."""

    stuck_off_rate: Fraction | None = None
    """Fraction of the devices that stay at g_min, 0..1."""

    stuck_on_rate: Fraction | None = None
    """Fraction of the devices that stay at g_max, 0..1."""

    def devices(self, base: Device, where: str) -> Device:
        """Return the devices of the block, given those of ``device``.

        Raises
        ------
        InputError
            A key that the kind of noise does not have, or rates that add up to more than 1.
        """
        changes = self.model_dump(exclude={"name", "columns"}, exclude_none=True)
        return override_device(base, changes, f"{where}: block '{self.name}'")


class ColumnCalibration(Calibration):
    """One entry of ``calibrations``: the keys of `Calibration`, and devices that it needs; plain text is a kind."""

    name: _Name | None = None
    """Name in tables and figures; None makes one of the other keys."""

    spares: Annotated[int, Field(ge=0, le=256, strict=True)] = 0
    """Spare devices of each column, for ``remap``."""

    bias_devices: Annotated[int, Field(ge=1, le=1024, strict=True)] | None = None
    """Number of bias devices; None: as few as can hold the start value."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.kind == BEFORE:
            raise ValueError("the columns before calibration are always shown, found 'none'; leave it out")
        if self.remap != (self.spares > 0):
            found = f"remap {str(self.remap).lower()} and {self.spares} spares"
            raise ValueError(f"'remap: true' and 'spares' belong together, found {found}")
        if self.name == BEFORE:
            raise ValueError("found the name 'none', which is that of columns before calibration")
        return self

    @property
    def label(self) -> str:
        """Name in tables and figures."""
        extras = (
            f"copies{self.copies}" if self.copies > 1 else "",
            f"spares{self.spares}" if self.spares else "",
            f"bias{self.bias_devices}" if self.bias_devices else "",
            f"tolerance{self.tolerance:g}" if self.tolerance is not None else "",
        )
        return self.name or "_".join([self.kind, *filter(None, extras)])

    @property
    def title(self) -> str:
        """What it is, for people."""
        extras = (
            f"best of {self.copies}" if self.copies > 1 else "",
            f"{self.spares} spares" if self.spares else "",
            f"{self.bias_devices} bias devices" if self.bias_devices else "",
            f"within {self.tolerance:g} uS" if self.tolerance is not None else "",
        )
        return self.name or ", ".join([self.kind.replace("_", "-"), *filter(None, extras)])

    @property
    def plain(self) -> Calibration:
        """The calibration that is applied to a column."""
        return Calibration(**{key: getattr(self, key) for key in Calibration.model_fields})

    def realisation(self, base: Realisation) -> Realisation:
        """Return how its columns are made: as the others, with its spares and bias devices."""
        own = {"spares": self.spares} | ({"bias_devices": self.bias_devices} if self.bias_devices else {})
        return base.model_copy(update=own)


CalibrationEntry = Annotated[
    ColumnCalibration, BeforeValidator(lambda value: {"kind": value} if isinstance(value, str) else value)
]


class VReadConfig(StrictModel):
    """The ``v_read`` block: the read voltage is varied. Devices are ohmic, so that currents follow it in proportion."""

    nominal: _Supply = 0.2
    """Read voltage at which a fixed reference would be right [V]."""

    values: Annotated[tuple[_Supply, ...], Field(min_length=1, max_length=201)]
    """Read voltages, ascending [V]."""

    offset_std: Annotated[Volts, Field(ge=0, le=1)] = 0.0
    """Offset of the comparators, standard deviation; it does not follow the read voltage [V]."""

    points: Annotated[int, Field(ge=2, le=100_001, strict=True)] = 1001
    """Number of inputs that are converted at each, evenly spaced over -range..range."""

    range: Annotated[float, Field(gt=0, le=1e6, strict=True)] | None = None
    """Largest input [pre-activation]; None: the largest magnitude that the ramp reaches."""

    @field_validator("values")
    @classmethod
    def _check_ascending(cls, values: tuple[float, ...]) -> tuple[float, ...]:
        for before, after in pairwise(values):
            if after <= before:
                raise ValueError(f"read voltages must ascend, found {before:g} V before {after:g} V")
        return values


class RampExperimentConfig(RunKeys):
    """The file of an experiment with ramp columns alone: their linearity before and after calibration, and V_read."""

    experiment: Literal["ramp"]
    """Kind of the experiment."""

    functions: Annotated[tuple[FunctionConfig, ...], Field(min_length=1, max_length=20)]
    """Activation functions: names, or mappings as described at `FunctionConfig`; each has columns of its own."""

    bits: Annotated[int, Field(ge=1, le=MAX_BITS, strict=True)] = 5
    """Resolution of the converter [bit]."""

    levels: LevelsKind = "midpoint"
    """Placement of thresholds and outputs."""

    density: Annotated[str, Field(min_length=1)] | None = None
    """Pre-activations that ``lloyd_max`` and ``noise_aware`` levels are made for; unused by the others."""

    realisation: Realisation = Realisation()
    """How steps may be made of devices; spares belong to a calibration."""

    device: DeviceConfig
    """The memristors: a preset, keys that override it, or all keys."""

    blocks: Annotated[tuple[BlockConfig, ...], Field(min_length=1, max_length=20)]
    """Blocks of columns."""

    calibrations: Annotated[tuple[CalibrationEntry, ...], Field(min_length=1, max_length=20)]
    """What is done to the columns; the first is the one of the figures 'before and after' and of ``v_read``."""

    v_read: VReadConfig | None = None
    """The read voltage is varied; None: it is not."""

    inl_limit: Annotated[float, Field(gt=0, le=1e6, strict=True)] = INL_LIMIT
    """Columns within it are counted: in their mean, and in their largest INL [LSB]."""

    @model_validator(mode="before")
    @classmethod
    def _refuse_sweep(cls, data: Any) -> Any:
        if isinstance(data, dict) and data.get("sweep") is not None:
            lists = "'functions', 'blocks', 'calibrations' and 'v_read.values'"
            raise ValueError(f"found 'sweep', which a ramp experiment does not have; its lists are {lists}")
        return {key: value for key, value in data.items() if key != "sweep"} if isinstance(data, dict) else data

    @model_validator(mode="after")
    def _check(self) -> Self:
        for key, names in (
            ("blocks", [block.name for block in self.blocks]),
            ("calibrations", [entry.label for entry in self.calibrations]),
        ):
            if twice := [name for name in names if names.count(name) > 1]:
                raise ValueError(f"found two {key} of the name '{twice[0]}'")
        if IDEAL in [block.name for block in self.blocks]:
            raise ValueError(f"found a block of the name '{IDEAL}', which is that of the ramp of ideal devices")
        if self.realisation.spares:
            raise ValueError("found 'realisation.spares'; spares are given with a calibration that uses them")
        return self
