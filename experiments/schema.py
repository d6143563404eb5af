"""The schema of an experiment file."""

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from memramp.config import StrictModel
from memramp.devices import DeviceConfig
from memramp.models.feature_file import FeatureTask
from memramp.models.hardware import Readout, StateTanh
from memramp.models.hardware_blocks import HardwareBlocks
from memramp.models.keyword_data import TaskConfig
from memramp.models.text_part import TextPartTask

SCHEMA_VERSION = 1
"""Version of the file format; it changes when a file of the old form would be read in another sense."""

FIXED_KEYS = ("memramp", "experiment", "name", "description", "seed", "chips", "sweep")
"""Keys that belong to the whole run, so that no sweep varies them."""


class ModelConfig(StrictModel):
    """The ``model`` block: which trained network is programmed into the chips."""

    checkpoint: Annotated[str, Field(min_length=1)]
    """Name of a shipped checkpoint, or a path that ends in ``.safetensors``, relative to the current folder.

    ``{key}`` stands for the point's own value of a key, e.g. ``net_{activation.bits}bit``.
    """

    float_checkpoint: Annotated[str, Field(min_length=1)] | None = None
    """Network of the rows ``float``, written like `checkpoint`; None: that of the chips, in floating point.

    A network trained for noisy hardware is not the best one without it; the float twin is the fairer reference.
    """

    tanh_c: StateTanh = "digital"
    """tanh of the cell state, see `memramp.models.hardware.HardwareConfig`."""

    readout: Readout = "digital"
    """Dense read-out, see `memramp.models.hardware.HardwareConfig`."""

    projection: Readout = "digital"
    """Projection of an LSTM, see `memramp.models.hardware.HardwareConfig`."""


class SweepConfig(StrictModel):
    """The ``sweep`` block: the experiment is run at each point of a grid."""

    over: dict[str, list[Any]]
    """Values for each dotted key; the last key varies fastest."""

    @field_validator("over")
    @classmethod
    def _check_keys(cls, over: dict[str, list[Any]]) -> dict[str, list[Any]]:
        if not over:
            raise ValueError("found no key to sweep")
        for key, values in over.items():
            if not values:
                raise ValueError(f"found no values for '{key}'")
            if key.split(".")[0] in FIXED_KEYS:
                raise ValueError(f"found '{key}', which belongs to the whole run and cannot be swept")
            if inner := [other for other in over if other.startswith(f"{key}.")]:
                raise ValueError(f"found both '{key}' and '{inner[0]}', which overlap")
        return over


class RunKeys(StrictModel):
    """What every experiment file has, of whatever kind. Paths in it are relative to the folder of the command."""

    memramp: Literal[1]
    """Version of the schema."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
    """Name of the experiment; the folder of a run is called after it."""

    description: str = ""
    """What the experiment shows."""

    seed: Annotated[int, Field(ge=0, lt=2**63, strict=True)] = 1
    """Seed of every random number of the run."""


class ExperimentConfig(RunKeys, HardwareBlocks):
    """The file of an experiment with a network.

    The blocks ``ramp_device``, ``crossbar``, ``input`` and ``activation`` are those of `HardwareBlocks`.
    """

    experiment: Literal["network"] = "network"
    """Kind of the experiment; the other one is `memramp.experiments.ramp_schema.RampExperimentConfig`."""

    chips: Annotated[int, Field(ge=1, le=100_000, strict=True)] = 10
    """Number of chips at each point, each programmed independently."""

    task: Annotated[TaskConfig | TextPartTask | FeatureTask, Field(discriminator="kind")] = TaskConfig()
    """The labelled clips that are recognised, a file of sequences of one's own, or the text that is read."""

    model: ModelConfig
    """The trained network."""

    device: DeviceConfig
    """The memristors: a preset, keys that override it, or all keys."""

    sweep: SweepConfig | None = None
    """Keys to vary; None runs the one point that the file describes."""
