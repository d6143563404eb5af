"""Google Speech Commands as a task of 12 classes: ten keywords, "unknown" (any other word) and "silence" (noise).

Two layouts are read. The *archive*: word folders, ``validation_list.txt``, ``testing_list.txt`` and
``_background_noise_``. The *canonical test set*: class folders, among them ``_silence_`` and ``_unknown_``, all of
it split "testing".

Two variants of the task are in use and must not be mixed up. In ``balanced`` (Warden's evaluation) unknown and silence
have as many clips as a keyword has on average, and short clips are padded with zeros at their end. In ``paper`` (the
released code of Yang et al. 2025) all clips of the other words are "unknown", clips that are not exactly one second are
dropped, and "silence" is 200 / 25 / 25 random crops of each noise file.

References
----------
P. Warden, "Speech Commands: A Dataset for Limited-Vocabulary Speech Recognition", arXiv:1804.03209 (2018).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import cycle
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from memramp.errors import InputError
from memramp.models.audio import read_clip
from memramp.models.features import CLIP_SAMPLES
from memramp.streams import Streams

KEYWORDS = ("yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go")
LABELS = ("silence", "unknown", *KEYWORDS)
"""Names of the classes; a label is an index into them."""

SILENCE, UNKNOWN = 0, 1
URL = "http://download.tensorflow.org/data/speech_commands_v0.01.tar.gz"

Split = Literal["training", "selection", "validation", "testing"]
Variant = Literal["balanced", "paper"]

NOISE_SPANS = {"training": (0.0, 0.75), "selection": (0.75, 0.8), "validation": (0.8, 0.9), "testing": (0.9, 1.0)}
"""Part of each noise file that belongs to a split: none hears another's noise (our choice, in both variants)."""

PAPER_CROPS = {"training": 200, "selection": 10, "validation": 25, "testing": 25}
"""Silent clips per noise file in the variant `paper`; those for "selection" are our addition."""

_NOISE, _LISTS = "_background_noise_", {"validation": "validation_list.txt", "testing": "testing_list.txt"}
_CANONICAL_FOLDERS = (*KEYWORDS, "_unknown_", "_silence_")
_MAX_LIST_BYTES = 20_000_000


@dataclass(frozen=True)
class Clips:
    """One-second clips with their labels.

    Attributes
    ----------
    samples : int16 array [n, 16000]
    labels : int64 array [n]
        Indices into `LABELS`.
    names : tuple of str [n]
        ``word/file.wav``; a crop of a noise file is ``_background_noise_/file.wav@training+81920``, which counts
        samples from the start of the split's part of it.
    """

    samples: NDArray[np.int16]
    labels: NDArray[np.int64]
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.names)


def need_root(root: Path | None) -> Path:
    """Return the folder of the data, or say how to get it.

    Raises
    ------
    InputError
        It is not set.
    """
    if root is None:
        raise InputError(
            f"task.root: the folder of the Speech Commands data is not set; download {URL} (1.5 GB), unpack it into a "
            f"folder and name it (--set task.root=DIR)"
        )
    return root


def load_clips(
    root: Path | str,
    split: Split,
    variant: Variant,
    streams: Streams,
    *,
    subsample: bool = True,
    selection_fraction: float = 0.05,
) -> Clips:
    """Load one split, ordered by word, file name and, at the end, silence.

    Parameters
    ----------
    root : path
        Folder in either layout; see the module's text.
    split : str
        "selection" is for choosing a model without touching "validation": the clips of `selection_fraction` of the
        training speakers, chosen by a hash of the speaker, which "training" then lacks.
    variant : str
        "balanced" or "paper"; the canonical test set is "balanced" only.
    streams : Streams
        Chooses the unknown clips and the crops of noise.
    subsample : bool
        False keeps all unknown clips of the variant "balanced", for a training that samples them afresh each epoch.
    selection_fraction : float
        0 to 1.

    Raises
    ------
    InputError
        The folder is missing or in neither layout, a list file or a listed clip is missing, a class has no clip, a
        noise file is too short, or a file is no 16 kHz, mono, 16-bit sound.
    """
    root, streams = Path(root).expanduser(), streams.child("speech_commands", split)
    _check_request(root, split, variant)
    if (root / "_unknown_").is_dir():
        _check_canonical(root, split, variant)
        return _read(_complete(_wav_files(root, _CANONICAL_FOLDERS), LABELS, root, split), drop_short=False)
    files, noises = _split_files(root, split, selection_fraction), load_noises(root, split)
    if variant == "paper":
        return _join(_read(files, drop_short=True), _silence(noises, split, PAPER_CROPS[split] * len(noises), streams))
    per_class = round(sum(_label(path) != UNKNOWN for path in files) / len(KEYWORDS))
    if subsample:
        files = _thin_unknown(files, per_class, streams)
    return _join(_read(files, drop_short=False), _silence(noises, split, per_class, streams))


def load_noises(root: Path | str, split: Split) -> dict[str, NDArray[np.int16]]:
    """Return the part of each noise recording that belongs to a split, int16 [n >= 16000], by file name.

    Raises
    ------
    InputError
        The folder ``_background_noise_`` is missing or empty, or a file in it is too short or no such sound.
    """
    folder = Path(root).expanduser() / _NOISE
    paths = sorted(folder.glob("*.wav"))
    if not paths:
        raise InputError(f"{folder}: no noise recordings (*.wav), from which the class 'silence' is made; see {URL}")
    return {path.name: _span(path, split) for path in paths}


def _span(path: Path, split: Split) -> NDArray[np.int16]:
    samples = read_clip(path)
    first, last = (int(part * len(samples)) for part in NOISE_SPANS[split])
    if last - first < CLIP_SAMPLES:
        shortest = min(upper - lower for lower, upper in NOISE_SPANS.values())
        raise InputError(
            f"{path}: {len(samples)} samples are too few for disjoint crops of noise (at least "
            f"{int(CLIP_SAMPLES / shortest) + 1})"
        )
    return samples[first:last]


def _check_request(root: Path, split: str, variant: str) -> None:
    if split not in NOISE_SPANS or variant not in get_args(Variant):
        raise ValueError(f"no split {split!r} of a variant {variant!r}")
    if not root.is_dir():
        raise InputError(
            f"{root}: no such folder; to get Speech Commands, download {URL} (1.5 GB) and unpack it into a folder"
        )
    missing = [word for word in KEYWORDS if not (root / word).is_dir()]
    if missing:
        raise InputError(
            f"{root}: no Speech Commands data, the word folder '{missing[0]}' is missing; it should hold a folder per "
            f"word as {URL} does"
        )


def _check_canonical(root: Path, split: str, variant: str) -> None:
    if split != "testing" or variant != "balanced":
        raise InputError(
            f"{root}: this is the canonical test set, which has the split 'testing' of the variant 'balanced' only, "
            f"found '{split}' of '{variant}'"
        )
    if not (root / "_silence_").is_dir():
        raise InputError(f"{root}: the canonical test set has '_unknown_' but lacks the folder '_silence_'")


def _label(path: Path) -> int:
    """Return the class of a file of either layout, by its folder."""
    name = path.parent.name
    return SILENCE if name == "_silence_" else LABELS.index(name) if name in KEYWORDS else UNKNOWN


def _wav_files(root: Path, folders: Iterable[str]) -> list[Path]:
    return [path for folder in folders for path in sorted((root / folder).glob("*.wav"))]


def _split_files(root: Path, split: Split, selection_fraction: float) -> list[Path]:
    """Return the files of a split of the archive. Only files found in the folders are opened, whatever a list says."""
    listed = {part: _read_list(root / name) for part, name in _LISTS.items()}
    words = sorted(path.name for path in root.iterdir() if path.name[0] != "." and path.name != _NOISE)
    keys = {f"{path.parent.name}/{path.name}": path for path in _wav_files(root, words)}
    if split in listed:
        if lost := sorted(listed[split] - keys.keys()):
            raise InputError(f"{root / _LISTS[split]}: lists {lost[0][:100]!r}; {len(lost)} of its clips are missing")
        chosen = [path for key, path in keys.items() if key in listed[split]]
    else:
        held_out = set.union(*listed.values())
        chosen = [
            path
            for key, path in keys.items()
            if key not in held_out and (_selected(path, selection_fraction) == (split == "selection"))
        ]
    return _complete(chosen, LABELS[UNKNOWN:], root, split)


def _complete(files: list[Path], classes: Iterable[str], root: Path, split: Split) -> list[Path]:
    """Return the files, unless one of the classes has none of them."""
    if absent := set(classes) - {LABELS[_label(path)] for path in files}:
        raise InputError(f"{root}: the split '{split}' has no clip of the class '{min(absent)}'")
    return files


def _read_list(path: Path) -> set[str]:
    try:
        if path.stat().st_size > _MAX_LIST_BYTES:
            raise InputError(f"{path}: larger than any list of clips (at most {_MAX_LIST_BYTES} bytes)")
        return {line.strip() for line in path.read_text(encoding="utf-8").splitlines()} - {""}
    except OSError as error:
        raise InputError(f"{path}: {(error.strerror or str(error)).lower()} (a list of the archive {URL})") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text (byte {error.start})") from None


def speaker(path: Path) -> str:
    """Return the speaker's identifier: the file name before ``_nohash_``."""
    return path.stem.split("_nohash_")[0]


def _selected(path: Path, fraction: float) -> bool:
    digest = blake2b(speaker(path).encode(), digest_size=8, person=b"selection").digest()
    return int.from_bytes(digest, "little") < fraction * 2.0**64


def _thin_unknown(files: Sequence[Path], n: int, streams: Streams) -> list[Path]:
    """Keep n unknown clips, each as likely as any other, and all keywords."""
    unknown = [i for i, path in enumerate(files) if _label(path) == UNKNOWN]
    dropped = {int(i) for i in streams.generator("unknown").permutation(unknown)[n:]}
    return [path for i, path in enumerate(files) if i not in dropped]


def _read(files: Sequence[Path], drop_short: bool) -> Clips:
    """Read clips of one second: zeros follow a shorter one, or it is dropped with any other length."""
    samples, kept = np.zeros((len(files), CLIP_SAMPLES), np.int16), np.ones(len(files), bool)
    for i, path in enumerate(files):
        clip = read_clip(path)
        kept[i] = len(clip) == CLIP_SAMPLES or not drop_short
        samples[i, : min(len(clip), CLIP_SAMPLES)] = clip[:CLIP_SAMPLES]
    chosen = [path for path, keep in zip(files, kept, strict=True) if keep]
    labels = np.array([_label(path) for path in chosen], np.int64)
    names = tuple(f"{path.parent.name}/{path.name}" for path in chosen)
    return Clips(samples if kept.all() else samples[kept], labels, names)


def _silence(noises: dict[str, NDArray[np.int16]], split: Split, n: int, streams: Streams) -> Clips:
    """Cut n random seconds out of the noises, each noise in turn."""
    rng, samples, names = streams.generator("silence"), np.empty((n, CLIP_SAMPLES), np.int16), []
    for i, (name, noise) in zip(range(n), cycle(noises.items()), strict=False):
        start = int(rng.integers(len(noise) - CLIP_SAMPLES + 1))
        samples[i] = noise[start : start + CLIP_SAMPLES]
        names.append(f"{_NOISE}/{name}@{split}+{start}")
    return Clips(samples, np.full(n, SILENCE, np.int64), tuple(names))


def _join(first: Clips, second: Clips) -> Clips:
    return Clips(
        np.concatenate([first.samples, second.samples]),
        np.concatenate([first.labels, second.labels]),
        first.names + second.names,
    )
