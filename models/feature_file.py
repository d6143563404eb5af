"""Labelled sequences of one's own, as the task of an experiment: a ``.npz`` file."""

import lzma
import struct
import tokenize
import zipfile
import zlib
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from memramp.config import StrictModel
from memramp.errors import InputError
from memramp.files import read_limited
from memramp.models.keyword_set import KeywordSet

MAX_BYTES = 4_000_000_000
"""Of the file, and of what it holds when it is unpacked."""


class FeatureTask(StrictModel):
    """A file that ``numpy.savez`` or ``numpy.savez_compressed`` wrote."""

    kind: Literal["features"] = "features"

    file: Path
    """Holds ``features``, floating point [n, steps, inputs], and ``labels``, whole numbers [n]: which class of the
    network each sequence is. Relative to the folder of the command."""


def load_features(task: FeatureTask, classes: tuple[str, ...]) -> KeywordSet:
    """Load the sequences that a task names, for a network with these classes.

    Raises
    ------
    InputError
        The file is missing, no such file, or its arrays do not fit each other or the classes.
    """
    path = task.file
    content = read_limited(path, MAX_BYTES)
    arrays = _arrays(content, path)
    features, labels = arrays["features"], arrays["labels"]
    if features.ndim != 3 or 0 in features.shape or not np.issubdtype(features.dtype, np.floating):
        raise _wrong(path, "features", "floating-point numbers [n, steps, inputs]", features)
    if labels.shape != features.shape[:1] or not np.issubdtype(labels.dtype, np.integer):
        raise _wrong(path, "labels", f"whole numbers [{len(features)}], one for each sequence", labels)
    with np.errstate(over="ignore"):
        features = features.astype(np.float32)
    if not np.isfinite(features).all():
        raise InputError(f"{path}: 'features' must be finite numbers of float32")
    if labels.min() < 0 or labels.max() >= len(classes):
        found = f"{labels.min()}..{labels.max()}"
        raise InputError(f"{path}: 'labels' must lie in 0..{len(classes) - 1}, the network's classes, found {found}")
    about = f"{path.name}, {len(labels)} sequences of {features.shape[1]} steps"
    digest = sha256(content).hexdigest()
    return KeywordSet(features, labels.astype(np.int64), classes, about, digest)


def _arrays(content: bytes, path: Path) -> dict[str, NDArray[Any]]:
    try:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            return {name: _read(archive, info) for name, info in _members(archive, path).items()}
    except InputError:
        raise
    except _DAMAGED as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise InputError(f"{path}: no .npz file of plain arrays ({reason})") from None


def _members(archive: zipfile.ZipFile, path: Path) -> dict[str, zipfile.ZipInfo]:
    held = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
    for name in _NAMES:
        if name not in held:
            raise InputError(f"{path}: holds no array '{name}', only {', '.join(sorted(held)) or 'nothing'}")
    if sum(held[name].file_size for name in _NAMES) > MAX_BYTES:
        raise InputError(f"{path}: too large when it is unpacked (more than {MAX_BYTES} bytes)")
    return {name: held[name] for name in _NAMES}


_NAMES = ("features", "labels")
_DAMAGED = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, tokenize.TokenError, SyntaxError, TypeError, NotImplementedError,
    OSError, ValueError, EOFError, RuntimeError, MemoryError, OverflowError, struct.error,
)  # fmt: skip
"""What damaged files have led to."""


def _read(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> NDArray[Any]:
    with archive.open(info) as file:
        found: NDArray[Any] = np.lib.format.read_array(BytesIO(file.read(MAX_BYTES)), allow_pickle=False)
    return found


def _wrong(path: Path, name: str, wanted: str, found: NDArray[Any]) -> InputError:
    return InputError(f"{path}: '{name}' must be {wanted}, found {found.dtype} {list(found.shape)}")
