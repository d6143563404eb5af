"""The task block of an experiment: which labelled features a network is tested on."""

from hashlib import sha256
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field, model_validator

from memramp.config import StrictModel
from memramp.models.demo_keywords import load_demo_keywords
from memramp.models.features import mfcc
from memramp.models.keyword_set import KeywordSet
from memramp.models.speech_commands import LABELS, Clips, Split, Variant, load_clips, need_root
from memramp.streams import Streams

__all__ = ["KeywordSet", "TaskConfig", "load_keyword_set", "to_keyword_set"]


class TaskConfig(StrictModel):
    """Which data set, and which part of it.

    Attributes
    ----------
    kind : str
        "demo_keywords" (embedded, synthetic speech) or "speech_commands" (needs `root`).
    root : path or None
        Folder of Speech Commands, in the archive's layout or that of the canonical test set.
    variant : str
        "balanced" or "paper"; see `memramp.models.speech_commands`.
    split : str
        "training", "selection", "validation" (Speech Commands only) or "testing".
    data_seed : int
        Chooses the unknown clips and the crops of noise; apart from the run's seed, so that runs of different seeds
        are tested on the same clips.
    """

    kind: Literal["demo_keywords", "speech_commands"] = "demo_keywords"
    root: Path | None = None
    variant: Variant = "balanced"
    split: Split = "testing"
    data_seed: int = Field(default=0, ge=0, lt=2**63)

    @model_validator(mode="after")
    def _check_kind(self) -> "TaskConfig":
        if self.kind == "demo_keywords":
            if self.split == "validation":
                raise ValueError("demo_keywords has no split 'validation', allowed: training, selection, testing")
            if self.root is not None or self.variant != "balanced":
                raise ValueError("the task demo_keywords takes no root and only the variant 'balanced'")
        return self


def load_keyword_set(task: TaskConfig) -> KeywordSet:
    """Load the labelled features that a task names.

    Raises
    ------
    InputError
        The data is missing or broken; where it is missing, the message says how to get it.
    """
    if task.kind == "demo_keywords":
        return load_demo_keywords("testing" if task.split == "validation" else task.split)
    clips = load_clips(need_root(task.root), task.split, task.variant, Streams(task.data_seed))
    return to_keyword_set(clips, f"Speech Commands, {task.variant}, {task.split}, {len(clips)} clips")


def to_keyword_set(clips: Clips, description: str) -> KeywordSet:
    """Compute the features of clips; the hash is that of their samples and labels."""
    digest = sha256(np.ascontiguousarray(clips.samples, "<i2").data)
    digest.update(np.ascontiguousarray(clips.labels, "<i8").data)
    return KeywordSet(mfcc(clips.samples), clips.labels, LABELS, description, digest.hexdigest())
