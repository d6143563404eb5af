"""Reading one clip of speech or noise from a file that nobody vouches for."""

from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from memramp.errors import InputError

SAMPLE_RATE = 16_000
"""Sampling rate of every clip, Hz."""

MAX_SECONDS = 600
"""Longest file that is read, s; the noise recordings of Speech Commands last 60 to 95 s."""

MAX_BYTES = 2 * MAX_SECONDS * SAMPLE_RATE + 1_000_000
"""Largest file that is opened: that many 16-bit samples and a generous header."""

_FORMATS = ("WAV", "WAVEX", "FLAC")
# Programs that write a WAV into a pipe cannot know its length and put the largest number they dare (eSpeak NG this one,
# ffmpeg 2**32 - 1); libsndfile reads to the end of the file then.
_UNKNOWN_LENGTH = 0x7FFFF000


def read_clip(path: Path | str) -> NDArray[np.int16]:
    """Read a 16 kHz, mono, 16-bit WAV or FLAC file.

    Parameters
    ----------
    path : path
        A regular file of at most `MAX_SECONDS`.

    Returns
    -------
    int16 array [n]
        The samples as they are in the file, n >= 1.

    Raises
    ------
    InputError
        The file is missing, unreadable, truncated, empty or too long, or has another rate, more channels or
        another sample format.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: {'not a file' if path.exists() else 'no such file'}")
    try:
        _refuse_wrong_size(path)
        with soundfile.SoundFile(path) as file:
            _check_format(path, file)
            samples: NDArray[np.int16] = file.read(dtype="int16")
            frames = file.frames
    except OSError as error:
        raise InputError(f"{path}: {(error.strerror or str(error)).lower()}") from None
    except (soundfile.SoundFileError, RuntimeError, TypeError) as error:
        raise InputError(f"{path}: not a readable audio file ({_reason(error)})") from None
    if len(samples) < frames:
        raise InputError(f"{path}: truncated, {len(samples)} of {frames} samples are there")
    return samples


def _check_format(path: Path, file: soundfile.SoundFile) -> None:
    if file.format not in _FORMATS:
        raise InputError(f"{path}: found a file of type {file.format}, allowed: WAV or FLAC")
    if file.samplerate != SAMPLE_RATE:
        raise InputError(f"{path}: found {file.samplerate} samples per second, allowed: {SAMPLE_RATE}")
    if file.channels != 1:
        raise InputError(f"{path}: found {file.channels} channels, allowed: 1 (mono)")
    if file.subtype != "PCM_16":
        raise InputError(f"{path}: found samples of type {file.subtype}, allowed: PCM_16")
    if not 1 <= file.frames <= MAX_SECONDS * SAMPLE_RATE:
        raise InputError(f"{path}: found {file.frames} samples, allowed: 1 to {MAX_SECONDS * SAMPLE_RATE}")


def _refuse_wrong_size(path: Path) -> None:
    """Compare a file's length with what its WAV header promises: libsndfile reads a shorter clip silently."""
    size = path.stat().st_size
    if size > MAX_BYTES:  # also bounds the walk over the chunks of a hostile file
        raise InputError(f"{path}: found {size} bytes, allowed: at most {MAX_BYTES}")
    with path.open("rb") as file:
        head = file.read(12)
        if head[:4] != b"RIFF" or head[8:] != b"WAVE":
            return  # not WAV: left to libsndfile
        while len(chunk := file.read(8)) == 8:
            length, start = int.from_bytes(chunk[4:], "little"), file.tell()
            if chunk[:4] == b"data":
                if size < start + length < _UNKNOWN_LENGTH:
                    raise InputError(f"{path}: truncated, {size - start} of {length} bytes of sound are there")
                return
            file.seek(start + length + length % 2)  # chunks are padded to an even length
    raise InputError(f"{path}: truncated, its WAV header has no data chunk")


def _reason(error: Exception) -> str:
    text = getattr(error, "error_string", None) or str(error)
    return str(text).splitlines()[0].rstrip(".") if str(text) else type(error).__name__
