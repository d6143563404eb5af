"""The schema of a training file. It needs no PyTorch, so that a file can be checked without it."""

from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, ValidationError, model_validator

from memramp.config import StrictModel
from memramp.models.augmentation import AugmentationConfig
from memramp.models.hardware import Readout, StateTanh
from memramp.models.hardware_blocks import HardwareBlocks
from memramp.models.spec import Cell
from memramp.models.speech_commands import Variant
from memramp.models.text import TextTask

Positive = Annotated[int, Field(ge=1)]
_Scalar = Annotated[float, Field(ge=1e-3, le=1e3)]


class KeywordClips(StrictModel):
    """The clips to train on; the keys are those of an experiment's task."""

    kind: Literal["demo_keywords", "speech_commands"] = "demo_keywords"
    """The embedded synthetic set, or Speech Commands in the archive's layout."""

    root: Path | None = None
    """Folder of Speech Commands."""

    variant: Variant = "balanced"
    """Variant of the task, see `memramp.models.speech_commands`."""

    data_seed: int = Field(default=0, ge=0, lt=2**63)
    """Chooses the crops of noise and, for the selection, the unknown clips."""

    selection_fraction: float = Field(default=0.05, ge=0.01, le=0.5)
    """Part of the training speakers that is kept out of the training to choose the best epoch by."""


class TrainedModel(StrictModel):
    """The network."""

    cell: Cell = "lstm"
    """Kind of the recurrent layers."""

    layers: Annotated[int, Field(ge=1, le=16)] = 1
    """Recurrent layers, one upon the other."""

    hidden: Annotated[int, Field(ge=1, le=65_536)] = 32
    """Hidden units of each of them."""

    projection: Annotated[int, Field(ge=1, le=65_536)] | None = None
    """Width of the recurrent state of an LSTM with a projection."""

    bidirectional: bool = False
    """Whether each layer reads from both ends (clips only)."""

    embedding: Annotated[int, Field(ge=1, le=65_536)] = 128
    """Width of the vectors that stand for symbols (texts only): fixed, orthonormal where there are no more symbols than
    that."""

    init: str | None = None
    """Checkpoint to start from, by path or name; None starts from random weights."""

    tanh_c: StateTanh = "digital"
    """See `memramp.models.hardware.HardwareConfig`."""

    readout: Readout = "digital"
    project: Readout = "digital"
    """Projection of an LSTM, see `memramp.models.hardware.HardwareConfig.projection`."""

    range_x: _Scalar | None = None
    """Input that gets the longest pulse, of each layer. None: that of `init`, or 1."""

    range_h: _Scalar | None = None
    """Recurrent state that gets the longest pulse, alike."""

    clip: _Scalar | None = None
    """Weight that fills the devices' window, of each layer. None: that of `init`, or ``crossbar.w_clip``
    [weight units]."""

    learn: list[Literal["range_x", "range_h", "clip"]] = Field(default_factory=list)
    """Which of these three are trained beside the weights, from there on; see `memramp.models.checkpoint`."""

    @property
    def scalars(self) -> dict[str, float]:
        """Those of the three that are given."""
        given = {key: getattr(self, key) for key in ("range_x", "range_h", "clip")}
        return {key: float(value) for key, value in given.items() if value is not None}


class TrainingSettings(StrictModel):
    """The optimisation: AdamW with a linear warm-up of the learning rate."""

    epochs: Positive = 100
    rounds: Annotated[int, Field(ge=1, le=10_000)] = 1
    """Parts of an epoch after which the state is kept (texts only)."""

    slice: Annotated[int, Field(ge=2, le=100_000)] = 128
    """Symbols after which gradients are cut (texts only)."""

    precision: Literal["float32", "bfloat16"] = "float32"
    """Of the matrix products of recurrent layers: ``bfloat16`` is three times as fast on processors that have it."""

    device: Literal["cpu", "cuda"] = "cpu"
    """Where the training graph runs. The hardware is drawn, and clips are evaluated, on the processor. On CUDA, the
    random numbers are others, and sums are not promised to have the same bits each time."""

    noise: Literal["device", "weight", "none"] = "device"
    """Errors of programming in training: of each ``device``, as the device block says; one for each ``weight``, as in
    the released code (``crossbar.noise_on: used_side``); or ``none``, in weights and ramps."""

    drop_connect: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Part of the devices of weights that are stuck at g_min in training, beside the device's ``stuck_off_rate``."""

    gradient: Literal["smooth", "blurred"] = "smooth"
    """Slopes of converters that gradients take: those of the ``smooth`` function, or those of the ``blurred``
    staircase, see `memramp.models.torch_slopes`."""

    blur: Annotated[float, Field(ge=0, le=1e3)] | None = None
    """Deviation of the noise that blurs staircases; None: that which errors and read noise of the weights give to the
    sums of independent inputs in -1..1 [pre-activation]."""

    batch: Annotated[int, Field(ge=1, le=100_000)] = 256
    learning_rate: float = Field(default=8e-3, gt=0, le=1)
    """Largest one, after the warm-up."""

    schedule: Literal["cosine", "linear", "constant", "step"] = "cosine"
    """How the learning rate falls: along half a cosine, a line, not at all, or in two equal ratios after 1/2 and 3/4 of
    all steps."""

    final_rate: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Part of the learning rate that is left in the end (not ``constant``; ``step`` needs more than 0)."""

    warmup_steps: int = Field(default=200, ge=0)
    weight_decay: float = Field(default=1e-4, ge=0, le=1)
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Part of the last hidden states that is dropped before the read-out."""

    weight_drop: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Part of the weights between recurrent state and gates that a batch drops, the same at all steps: floating point
    only, against learning a text by heart (Merity et al., arXiv 1708.02182)."""

    gradient_clip: float = Field(default=1.0, gt=0)
    """Largest norm of the gradient."""

    average: float = Field(default=0.995, ge=0, lt=1)
    """Decay per step of the running mean of the weights that is evaluated and kept; 0 keeps the last weights."""

    teacher: str | None = None
    """Checkpoint whose float network's class probabilities are learned along with the labels (distillation); its
    features must be normalised as those of this training, as they are when `init` is the same checkpoint."""

    teacher_weight: float = Field(default=0.5, ge=0, le=1)
    """Part of the loss that is the teacher's."""

    temperature: float = Field(default=2.0, gt=0, le=100)
    """Softens the probabilities of teacher and network for comparison."""

    evaluate_every: Positive = 10
    """Rounds (epochs, if `rounds` is 1) between evaluations on the selection data."""

    evaluation_symbols: Annotated[int, Field(ge=1000)] = 100_000
    """Length of the part of the validation text that is evaluated (texts only)."""

    evaluation_chips: Positive = 5
    """Programming draws of an evaluation; the epoch of the best mean is kept. One is enough without hardware."""

    threads: Annotated[int, Field(ge=1, le=256)] = 1
    """Threads of PyTorch and of the kernels."""

    store: Literal["float32", "bytes"] = "float32"
    """How matrices of recurrent layers are kept in the checkpoint: ``bytes`` rounds them, also before they are
    evaluated, and makes a quarter of the file, see `memramp.models.compact`."""

    feature_cache: Path | None = None
    """Folder that keeps augmented features for the next training on the same data (50 MB a version)."""

    @model_validator(mode="after")
    def _check_schedule(self) -> "TrainingSettings":
        if self.schedule == "step" and self.final_rate == 0:
            raise ValueError("schedule 'step' falls in equal ratios, so it needs a final_rate above 0")
        if self.schedule == "constant" and self.final_rate != 0:
            raise ValueError("schedule 'constant' never falls, so it takes no final_rate")
        if self.blur is not None and self.gradient != "blurred":
            raise ValueError(f"blur belongs to gradient 'blurred', found gradient '{self.gradient}'")
        return self

    def rate(self, step: int, steps: int) -> float:
        """Return the learning rate of a step, 0 .. steps - 1."""
        warm = min(1.0, (step + 1) / (self.warmup_steps + 1))
        if self.schedule == "step":
            falls = (step >= 0.5 * steps) + (step >= 0.75 * steps)
            return float(self.learning_rate * warm * self.final_rate ** (0.5 * falls))
        line = step / steps
        left = {"cosine": 0.5 * (1.0 + float(np.cos(np.pi * step / steps))), "linear": 1.0 - line, "constant": 1.0}
        part = left[self.schedule]
        return self.learning_rate * warm * (part + self.final_rate * (1.0 - part))

    @property
    def low_precision(self) -> bool:
        """Whether products are made in bfloat16."""
        return self.precision == "bfloat16"


class TrainingConfig(HardwareBlocks):
    """A training file. Without ``device``, the network is trained in floating point."""

    memramp: Literal[1]
    """Version of the schema."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
    """Name of the training."""

    seed: Annotated[int, Field(ge=0, lt=2**63)] = 1
    task: Annotated[KeywordClips | TextTask, Field(discriminator="kind")] = KeywordClips()
    model: TrainedModel = TrainedModel()
    training: TrainingSettings = TrainingSettings()
    augmentation: AugmentationConfig = AugmentationConfig(versions=0)

    @model_validator(mode="after")
    def _check_readback(self) -> "TrainingConfig":
        if self.readback is not None:
            raise ValueError("readback is for experiments; a training draws the errors of many chips")
        return self

    @model_validator(mode="after")
    def _check_network(self) -> "TrainingConfig":
        model = self.model
        if model.projection is not None and (model.cell != "lstm" or model.projection >= model.hidden):
            raise ValueError("model.projection belongs to cell 'lstm' and must be smaller than model.hidden")
        if isinstance(self.task, KeywordClips):
            if self.training.rounds != 1:
                raise ValueError("training.rounds is for texts, whose epochs are long; clips need 1")
        elif model.bidirectional:
            raise ValueError("model.bidirectional reads a text from its end, which a language model must not know")
        return self

    @model_validator(mode="after")
    def _check_learned(self) -> "TrainingConfig":
        learn, given = self.model.learn, list(self.model.scalars)
        if len(set(learn)) < len(learn):
            raise ValueError(f"model.learn names something twice, found {', '.join(learn)}")
        if learn and self.device is None:
            raise ValueError("model.learn is about drivers and devices; without 'device' there is nothing to learn")
        if given and self.device is None:
            raise ValueError(f"model.{given[0]} is about drivers and devices; there is no 'device'")
        if self.crossbar.scale_per != "fixed":
            for name, used in (("learn 'clip'", "clip" in learn), ("clip", "clip" in given)):
                if used:
                    raise ValueError(f"model.{name} needs crossbar.scale_per 'fixed', where the clip fills the window")
        return self

    @model_validator(mode="after")
    def _check_noise(self) -> "TrainingConfig":
        noise, drop = self.training.noise, self.training.drop_connect
        if self.device is not None and self.training.weight_drop > 0:
            raise ValueError("training.weight_drop is for floating point; with a 'device' there is drop_connect")
        if self.device is None and (noise != "device" or drop > 0):
            raise ValueError("training.noise and training.drop_connect are about devices; there is no 'device'")
        if noise == "weight" and self.crossbar.mapping != "differential":
            raise ValueError(
                f"training.noise 'weight' belongs to crossbar.mapping 'differential', found '{self.crossbar.mapping}'"
            )
        return self

    @model_validator(mode="after")
    def _check_augmentation(self) -> "TrainingConfig":
        if not isinstance(self.task, KeywordClips):
            if self.augmentation.versions > 0:
                raise ValueError("augmentation.versions must be 0 for texts")
        elif self.task.kind == "demo_keywords" and self.augmentation.versions > 0:
            raise ValueError("augmentation.versions must be 0 for demo_keywords, whose waveforms are not embedded")
        return self


def same_training(one: Any, other: Any) -> bool:
    """Return whether two configurations, as JSON has them, are those of one training, which may so be resumed.

    Keys that an older version did not have are at their defaults; on which device it runs does not matter.
    """
    if one == other:
        return True
    try:
        found = [TrainingConfig.model_validate(each) for each in (one, other)]
    except ValidationError:
        return False
    first, second = (each.model_dump(mode="json", exclude={"training": {"device"}}) for each in found)
    return first == second
