"""Make the embedded demonstration set ``models/data/demo_keywords.safetensors`` with the speech synthesiser eSpeak NG.

    python tools/make_demo_keywords.py [--out FILE]

Needs ``espeak-ng`` (Debian: ``apt install espeak-ng``; the file's metadata name the release). Every clip is drawn from
a named random stream of one seed, so the same releases of eSpeak NG, NumPy and SciPy write the same bytes.

A clip is one word by one synthetic speaker (accent, pitch, vocal tract, roughness, flutter) at a random pace, in a
random room, through a random microphone, at a random place in the second, in noise. No speaker is in two splits.
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save
from scipy import fft, signal

from memramp.files import in_fixed_order, write_atomically
from memramp.models.audio import SAMPLE_RATE
from memramp.models.features import CLIP_SAMPLES, mfcc
from memramp.models.speech_commands import KEYWORDS, LABELS, SILENCE, UNKNOWN
from memramp.streams import Streams

SEED = 20250206
OUT = Path(__file__).resolve().parent.parent / "models" / "data" / "demo_keywords.safetensors"
MAX_BYTES = 4_000_000

PER_CLASS = {"training": 108, "selection": 12, "testing": 42}
SPEAKERS = {"training": 135, "selection": 15, "testing": 50}

OTHER_WORDS = (
    "bed", "bird", "cat", "dog", "eight", "five", "four", "happy", "house", "marvin", "nine", "one", "seven", "sheila",
    "six", "three", "tree", "two", "wow", "zero", "backward", "forward", "follow", "learn", "visual",
)  # fmt: skip
"""The other words of Speech Commands 0.02."""

ACCENTS = ("en-us", "en-gb-x-rp")
"""Named as eSpeak's files are: by another name, such as `en-gb` for its file `en`, it ignores the voice variant."""
FORMANTS = 9

# How hard the set is: chosen so that a float LSTM of 32 units recognises most, not all, of the test speakers' words.
TRACT = (97.0, 108.0)  # formant frequencies from the longest to the shortest vocal tract, % of the language's
TRACT_SPREAD = 0.015  # of the formants' frequencies, between speakers of one height and between one speaker's formants
KLATT_SHARE = 0.05  # of the speakers have eSpeak's other, rougher, voice synthesis
SNR_DB = (15.0, 40.0)
PACE = (150, 180)  # words per minute
DECAY = (0.1, 0.3)  # of the room's echo by 60 dB, s
WET = (0.0, 0.2)  # echo over direct sound, as a ratio of amplitudes
TILT = (-1.5, 1.5)  # of the microphone, dB an octave
JITTER = 500  # of the word's place, samples

NOISE_COLOURS = {"white": 0.0, "pink": 1.0, "brown": 2.0}
"""Exponent of the fall of the noise power with frequency."""

Sound = NDArray[np.float64]


@dataclass(frozen=True)
class Spoken:
    """What is to be said, by whom; `word` is None for noise alone."""

    word: str | None
    label: int
    speaker: int
    split: str


def plan() -> list[Spoken]:
    """Lay out all clips: classes, other words and speakers in equal numbers."""
    clips: list[Spoken] = []
    for split, per_class in PER_CLASS.items():
        words = [KEYWORDS[i % 10] for i in range(10 * per_class)]
        words += [OTHER_WORDS[i % len(OTHER_WORDS)] for i in range(per_class)]
        for i, word in enumerate(words):
            label = LABELS.index(word) if word in KEYWORDS else UNKNOWN
            # The turn advances by one more every ten words, or each word would meet a tenth of the speakers only.
            clips.append(Spoken(word, label, (i + i // 10) % SPEAKERS[split], split))
        clips += [Spoken(None, SILENCE, -1, split)] * per_class
    return clips


class Synthesiser:
    """eSpeak NG with speakers of our own: a copy of its data folder in which the only voice variant is who speaks now.

    The program lists at most 349 languages and variants. Beyond that, and for a variant that it does not know, it
    speaks with its default voice and still succeeds; hence one variant at a time, no warning tolerated, and a check
    that the speakers differ.
    """

    def __init__(self, folder: Path, streams: Streams) -> None:
        self.program = shutil.which("espeak-ng") or sys.exit("espeak-ng is missing (Debian: apt install espeak-ng)")
        self.release, data = re.findall(r"([\d.]+)\s+Data at: (\S+)", _run([self.program, "--version"]).decode())[0]
        self.folder, self.speakers = folder, speakers(streams)
        shutil.copytree(data, folder / "espeak-ng-data", ignore=shutil.ignore_patterns("voices"))
        self.variant = folder / "espeak-ng-data" / "voices" / "!v" / "speaker"
        self.variant.parent.mkdir(parents=True)

    def say(self, spoken: Spoken, rng: np.random.Generator) -> Sound:
        """Return a word at 16 kHz."""
        accent, variant = self.speakers[spoken.split, spoken.speaker]
        self.variant.write_text(variant)
        command = [self.program, f"--path={self.folder}", "-v", f"{accent}+speaker", "-p", str(rng.integers(40, 61))]
        command += ["-s", str(rng.integers(*PACE)), "--stdout", str(spoken.word)]
        samples = np.frombuffer(_run(command)[44:], "<i2").astype(np.float64)  # after the header: 22050 Hz, mono
        return np.asarray(signal.resample_poly(samples, 320, 441))

    def refuse_equal_speakers(self) -> None:
        """Let all speakers say one word alike in all but the voice; no two may sound the same."""
        heard: dict[bytes, tuple[str, int]] = {}
        for split, speaker in self.speakers:
            sound = self.say(Spoken("right", UNKNOWN, speaker, split), np.random.default_rng(0)).tobytes()
            if sound in heard:
                raise SystemExit(f"the speakers {heard[sound]} and {(split, speaker)} sound the same")
            heard[sound] = (split, speaker)


def speakers(streams: Streams) -> dict[tuple[str, int], tuple[str, str]]:
    """Draw all speakers: accent and voice variant by split and number."""
    drawn = {}
    for split, n in SPEAKERS.items():
        for speaker in range(n):
            rng = streams.generator("speaker", split, speaker)
            drawn[split, speaker] = (ACCENTS[int(rng.integers(len(ACCENTS)))], _variant(rng))
    return drawn


def _run(command: list[str]) -> bytes:
    done = subprocess.run(command, check=True, capture_output=True)  # noqa: S603  our own words, no shell
    if done.stderr:
        raise SystemExit(f"{' '.join(command)}: {done.stderr.decode(errors='replace').splitlines()[0]}")
    return done.stdout


def _variant(rng: np.random.Generator) -> str:
    """Return a speaker as eSpeak's voice variant file; formants are in percent of the language's."""
    height = rng.uniform()  # 0: low voice and long vocal tract, 1: high and short
    pitch = 80.0 * 2.6**height * rng.uniform(0.9, 1.1)
    tract = TRACT[0] + (TRACT[1] - TRACT[0]) * height + 100.0 * TRACT_SPREAD * rng.standard_normal()
    lines = ["language variant", "name speaker", f"pitch {pitch:.0f} {pitch * rng.uniform(1.3, 1.6):.0f}"]
    for formant in range(FORMANTS):
        frequency = tract * (1.0 + TRACT_SPREAD * rng.standard_normal())
        lines.append(f"formant {formant} {frequency:.0f} {rng.uniform(75, 120):.0f} {rng.uniform(80, 150):.0f}")
    lines += [f"roughness {rng.integers(0, 4)}", f"flutter {rng.integers(0, 7)}", f"voicing {rng.uniform(70, 110):.0f}"]
    lines += [f"consonants {rng.uniform(80, 120):.0f} {rng.uniform(80, 120):.0f}"]
    if rng.uniform() < KLATT_SHARE:
        lines.append(f"klatt {rng.integers(1, 5)}")
    return "\n".join(lines) + "\n"


def make_clip(spoken: Spoken, synthesiser: Synthesiser, rng: np.random.Generator) -> NDArray[np.int16]:
    """Return one clip, int16 [16000]."""
    if spoken.word is None:
        return _to_int16(_noise(rng) + rng.uniform(0.0, 1.0) * _noise(rng), rng)
    sound = _microphone(_room(_trim(synthesiser.say(spoken, rng)), rng), rng)
    level = np.sqrt(np.mean(sound**2)) * 10.0 ** (-rng.uniform(*SNR_DB) / 20.0)
    return _to_int16(_place(sound, rng) + level * _noise(rng), rng)


def _trim(sound: Sound) -> Sound:
    """Cut what is below 1 % of the peak at both ends, and anything beyond a second."""
    loud = np.flatnonzero(np.abs(sound) > 0.01 * np.abs(sound).max())
    return sound[loud[0] : loud[-1] + 1][:CLIP_SAMPLES]


def _room(sound: Sound, rng: np.random.Generator) -> Sound:
    """Add an echo: noise that decays."""
    decay, wet = rng.uniform(*DECAY), rng.uniform(*WET)
    time = np.arange(int(decay * SAMPLE_RATE)) / SAMPLE_RATE
    tail = rng.standard_normal(len(time)) * 10.0 ** (-3.0 * time / decay)
    tail *= wet / np.sqrt(np.sum(tail**2))
    return sound + np.asarray(signal.fftconvolve(sound, tail))[: len(sound)]


def _microphone(sound: Sound, rng: np.random.Generator) -> Sound:
    """Tilt the spectrum about 1 kHz and cut below 50 to 300 Hz."""
    spectrum, frequency = np.asarray(fft.rfft(sound)), fft.rfftfreq(len(sound), 1.0 / SAMPLE_RATE)
    tilt, corner = rng.uniform(*TILT), rng.uniform(50.0, 300.0)
    octaves = np.log2(np.maximum(frequency, corner) / 1000.0)
    gain = 10.0 ** (tilt * octaves / 20.0) * np.minimum(1.0, frequency / corner)
    return np.asarray(fft.irfft(spectrum * gain, len(sound)))


def _place(sound: Sound, rng: np.random.Generator) -> Sound:
    clip, room = np.zeros(CLIP_SAMPLES), CLIP_SAMPLES - len(sound)
    start = int(np.clip(room // 2 + rng.integers(-JITTER, JITTER + 1), 0, room))
    clip[start : start + len(sound)] = sound
    return clip


def _noise(rng: np.random.Generator) -> Sound:
    """Return a second of white, pink or brown noise or mains hum with a little noise, of unit power."""
    kind = rng.choice([*NOISE_COLOURS, "hum"])
    exponent = NOISE_COLOURS.get(kind, 0.5)
    frequency = fft.rfftfreq(CLIP_SAMPLES, 1.0 / SAMPLE_RATE)
    shape = np.maximum(frequency, 50.0) ** (-exponent / 2.0)
    noise = np.asarray(fft.irfft(fft.rfft(rng.standard_normal(CLIP_SAMPLES)) * shape, CLIP_SAMPLES))
    noise /= noise.std()
    if kind == "hum":
        noise = _hum(rng) + 10.0 ** (-rng.uniform(5.0, 20.0) / 20.0) * noise
    return np.asarray(noise / noise.std())


def _hum(rng: np.random.Generator) -> Sound:
    """Return mains hum of unit power: 50 or 60 Hz and harmonics of falling, random amplitude."""
    order = np.arange(1, 13)[:, None]
    time = np.arange(CLIP_SAMPLES) / SAMPLE_RATE
    phase = 2.0 * np.pi * (rng.choice([50.0, 60.0]) * order * time + rng.uniform(size=order.shape))
    hum = np.sum(rng.uniform(0.2, 1.0, order.shape) / order * np.sin(phase), axis=0)
    return np.asarray(hum / hum.std())


def _to_int16(clip: Sound, rng: np.random.Generator) -> NDArray[np.int16]:
    """Scale the peak to -40 to 0 dB of full scale and round."""
    peak = 32767.0 * 10.0 ** (-rng.uniform(0.0, 40.0) / 20.0)
    return np.asarray(np.rint(clip * (peak / np.abs(clip).max())), np.int16)


def quantise(features: NDArray[np.float32], words: NDArray[np.bool_]) -> dict[str, NDArray[Any]]:
    """Return features as int8 with an offset and a step per coefficient: four standard deviations are 127 steps."""
    offset = features[words].mean(axis=(0, 1), dtype=np.float64)
    step = 4.0 * features[words].std(axis=(0, 1), dtype=np.float64) / 127.0
    codes = np.clip(np.rint((features - offset) / step), -127, 127).astype(np.int8)
    return {"features": codes, "offset": offset.astype(np.float32), "step": step.astype(np.float32)}


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=OUT)
    out = parser.parse_args().out
    streams, clips = Streams(SEED), plan()
    with tempfile.TemporaryDirectory() as folder:
        synthesiser = Synthesiser(Path(folder), streams)
        synthesiser.refuse_equal_speakers()
        samples = [make_clip(clip, synthesiser, streams.generator("clip", i)) for i, clip in enumerate(clips)]
    labels = np.array([clip.label for clip in clips], np.int8)
    tensors = quantise(mfcc(np.stack(samples)), labels != SILENCE)
    tensors |= {"labels": labels, "split": np.array([[*PER_CLASS].index(clip.split) for clip in clips], np.int8)}
    about = {
        "about": "Synthetic spoken keywords for demonstrations, made by tools/make_demo_keywords.py of memramp (MIT)",
        "classes": json.dumps(LABELS),
        "splits": json.dumps([*PER_CLASS]),
        "seed": str(SEED),
        "synthesiser": f"eSpeak NG {synthesiser.release}",
        "speakers": json.dumps(SPEAKERS),
    }
    content = in_fixed_order(save(tensors, about))
    if len(content) > MAX_BYTES:
        raise SystemExit(f"{len(content)} bytes are too many (at most {MAX_BYTES})")
    write_atomically(out, content)
    print(f"{out}: {len(clips)} clips, {len(content)} bytes")


if __name__ == "__main__":
    main()
