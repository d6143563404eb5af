"""Training clips as normalised features, in as many augmented versions as asked for."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from memramp.errors import InputError
from memramp.files import write_atomically
from memramp.models.augmentation import augmented_features, noise_crops
from memramp.models.demo_keywords import load_demo_keywords
from memramp.models.features import mfcc
from memramp.models.keyword_data import KeywordSet, to_keyword_set
from memramp.models.speech_commands import SILENCE, UNKNOWN, Clips, load_clips, load_noises, need_root
from memramp.models.training_config import KeywordClips, TrainingConfig
from memramp.streams import Streams

Floats = NDArray[np.float32]
Note = Callable[[str], None]

STANDARD_DEVIATIONS = 3.0
"""Features are clipped at this many standard deviations, which become full input pulses."""


@dataclass(frozen=True)
class TrainingData:
    """What a training needs.

    Parameters
    ----------
    versions : tuple of float16 arrays [n, frames, coefficients]
        Features of the training clips, not normalised, one array for each augmented version.
    labels : int64 array [n]
        The same for all versions.
    mean, scale : float32 arrays [coefficients]
        Normalisation: mean, and `STANDARD_DEVIATIONS` standard deviations, of the clips as they are.
    selection : KeywordSet
        Clips to choose the best epoch by.
    thin_unknown : bool
        Whether an epoch samples the unknown clips down to the size of a keyword.
    description : str
        What this is.
    """

    versions: tuple[NDArray[np.float16], ...]
    labels: NDArray[np.int64]
    mean: Floats
    scale: Floats
    selection: KeywordSet
    thin_unknown: bool
    description: str

    @property
    def epoch_size(self) -> int:
        """Number of clips in an epoch."""
        return len(self._kept(np.random.default_rng(0)))

    def normalised_as(self, mean: Floats, scale: Floats) -> "TrainingData":
        """Return the same data with another normalisation."""
        return replace(self, mean=mean, scale=scale)

    def epoch(self, number: int, rng: np.random.Generator) -> tuple[Floats, NDArray[np.int64]]:
        """Return the normalised features and labels of an epoch in random order."""
        chosen = rng.permutation(self._kept(rng))
        features = self.versions[number % len(self.versions)][chosen].astype(np.float32)
        return np.clip((features - self.mean) / self.scale, -1.0, 1.0), self.labels[chosen]

    def _kept(self, rng: np.random.Generator) -> NDArray[np.int64]:
        everything = np.arange(len(self.labels))
        unknown = np.flatnonzero(self.labels == UNKNOWN)
        per_class = _per_keyword(self.labels)
        if not self.thin_unknown or len(unknown) <= per_class:
            return everything
        return np.setdiff1d(everything, rng.permutation(unknown)[per_class:])


def load_training_data(config: TrainingConfig, note: Note = lambda _: None) -> TrainingData:
    """Load and augment the data that a training file names; `note` is told what takes time.

    Raises
    ------
    InputError
        The data is missing or broken.
    """
    task = _clips(config)
    if task.kind == "demo_keywords":
        training = load_demo_keywords("training")
        plain = training.features
        chosen = load_demo_keywords("selection")
        return _assemble((plain.astype(np.float16),), training.labels, plain, chosen, False, training.description)
    return _speech_commands(config, need_root(task.root), note)


def _clips(config: TrainingConfig) -> KeywordClips:
    assert isinstance(config.task, KeywordClips)
    return config.task


def _speech_commands(config: TrainingConfig, root: Path, note: Note) -> TrainingData:
    task = _clips(config)
    streams = Streams(task.data_seed)
    note("reading the clips")
    clips = load_clips(
        root, "training", task.variant, streams, subsample=False, selection_fraction=task.selection_fraction
    )
    chosen = load_clips(root, "selection", task.variant, streams, selection_fraction=task.selection_fraction)
    noises = list(load_noises(root, "training").values())
    note("computing features")
    plain = mfcc(clips.samples)
    versions = [plain.astype(np.float16)] if config.augmentation.versions == 0 else []
    for number in range(config.augmentation.versions):
        note(f"augmenting the clips, version {number + 1} of {config.augmentation.versions}")
        versions.append(_version(config, clips, noises, number))
    description = f"Speech Commands, {task.variant}, {len(clips)} training clips"
    selection = to_keyword_set(chosen, f"Speech Commands, {task.variant}, selection, {len(chosen)} clips")
    return _assemble(tuple(versions), clips.labels, plain, selection, task.variant == "balanced", description)


def _assemble(
    versions: tuple[NDArray[np.float16], ...],
    labels: NDArray[np.int64],
    plain: Floats,
    selection: KeywordSet,
    thin_unknown: bool,
    description: str,
) -> TrainingData:
    words = plain[labels != SILENCE]  # noise would widen the scale: its first coefficients lie far away
    mean = words.mean(axis=(0, 1), dtype=np.float64)
    scale = STANDARD_DEVIATIONS * words.std(axis=(0, 1), dtype=np.float64)
    return TrainingData(
        versions, labels, mean.astype(np.float32), scale.astype(np.float32), selection, thin_unknown, description
    )


def _version(config: TrainingConfig, clips: Clips, noises: list[NDArray[np.int16]], number: int) -> NDArray[np.float16]:
    """Return an augmented version, from the cache if it is there."""
    cache = config.training.feature_cache
    if cache is None:
        return _augment(config, clips, noises, number)
    path = cache / f"{_identity(config, clips)}-{number}.npy"
    if path.exists():
        return _read_cached(path, len(clips))
    features = _augment(config, clips, noises, number)
    write_atomically(path, _as_npy(features))
    return features


def _augment(config: TrainingConfig, clips: Clips, noises: list[NDArray[np.int16]], number: int) -> NDArray[np.float16]:
    rng = Streams(_clips(config).data_seed).generator("augmentation", number)
    samples = clips.samples.copy()
    silent = np.flatnonzero(clips.labels == SILENCE)
    samples[silent] = noise_crops(noises, len(silent), rng)  # fresh ones in each version: there is noise enough
    return augmented_features(samples, noises, config.augmentation, rng).astype(np.float16)


def _identity(config: TrainingConfig, clips: Clips) -> str:
    """Return a hash of everything that augmented features depend on, except the number of versions."""
    digest = sha256(np.ascontiguousarray(clips.samples, "<i2").data)
    digest.update(config.augmentation.model_dump_json(exclude={"versions"}).encode())
    digest.update(str(_clips(config).data_seed).encode())
    return digest.hexdigest()[:16]


def _as_npy(features: NDArray[np.float16]) -> bytes:
    buffer = BytesIO()
    np.save(buffer, features, allow_pickle=False)
    return buffer.getvalue()


def _read_cached(path: Path, clips: int) -> NDArray[np.float16]:
    try:
        features = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{path}: damaged feature cache ({str(error).splitlines()[0]}); delete it") from None
    if features.dtype != np.float16 or features.shape[:1] != (clips,):
        raise InputError(f"{path}: the feature cache holds something else; delete it")
    return features  # type: ignore[no-any-return]


def _per_keyword(labels: NDArray[np.int64]) -> int:
    keywords = labels[(labels != UNKNOWN) & (labels != SILENCE)]
    return round(len(keywords) / max(len(np.unique(keywords)), 1))
