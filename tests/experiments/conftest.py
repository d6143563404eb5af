"""A tiny Speech Commands archive of synthetic tones, and networks fitted to it in a moment."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
import yaml

from memramp.experiments.cli import main
from memramp.models.checkpoint import Checkpoint, save_checkpoint
from memramp.models.float_network import lstm
from memramp.models.keyword_data import TaskConfig, load_keyword_set
from memramp.models.speech_commands import KEYWORDS, LABELS
from memramp.models.weights import CellWeights

WORDS = (*KEYWORDS, "bird")
LISTED = {"validation_list.txt": 4, "testing_list.txt": 2}
TRAINED = 4  # two of these speakers are chosen for the selection
RATE = 16_000


def tone(word: int, rng: np.random.Generator) -> np.ndarray:
    """A word is a pitch that rises or falls; a clip varies in pitch, loudness and noise."""
    t = np.arange(RATE) / RATE
    pitch = (300.0 + 240.0 * word) * rng.uniform(0.9, 1.1) * (1 + (-1) ** word * 0.4 * t)
    sound = 0.3 * np.sin(2 * np.pi * np.cumsum(pitch) / RATE) + rng.normal(0, 0.05, RATE)
    return (32767 * np.clip(sound * rng.uniform(0.3, 1.0), -1, 1)).astype(np.int16)


@pytest.fixture(scope="session")
def archive(tmp_path_factory) -> Path:
    """A folder in the layout of Speech Commands, a few clips a word."""
    root, rng = tmp_path_factory.mktemp("speech_commands"), np.random.default_rng(7)
    (root / "_background_noise_").mkdir()
    hum = (900 * rng.normal(size=20 * RATE + 100)).astype(np.int16)
    soundfile.write(root / "_background_noise_" / "hum.wav", hum, RATE)
    lists = {name: [] for name in LISTED}
    for index, word in enumerate(WORDS):
        (root / word).mkdir()
        places = [None] * TRAINED + [name for name, count in LISTED.items() for _ in range(count)]
        for number, place in enumerate(places):
            name = f"{word}/{number:08x}_nohash_0.wav"
            soundfile.write(root / name, tone(index, rng), RATE)
            if place is not None:
                lists[place].append(f"{name}\n")
    for name, lines in lists.items():
        (root / name).write_text("".join(lines))
    return root


@pytest.fixture(scope="session")
def checkpoint(archive, tmp_path_factory) -> Path:
    """A random recurrent layer whose read-out is fitted to the validation clips: far better than chance."""
    data = load_keyword_set(TaskConfig(kind="speech_commands", root=archive, split="validation"))
    path = tmp_path_factory.mktemp("checkpoints") / "tones_5bit.safetensors"
    save_checkpoint(fitted(data.features, data.labels), path)
    return path


def fitted(features: np.ndarray, labels: np.ndarray, hidden: int = 12, classes=LABELS) -> Checkpoint:
    rng = np.random.default_rng(1)
    flat = features.reshape(-1, features.shape[2])
    mean, scale = flat.mean(axis=0), 3 * flat.std(axis=0)
    weights = CellWeights(
        rng.normal(0, 0.8, (features.shape[2], 4 * hidden)).clip(-2, 2),
        rng.normal(0, 0.3, (hidden, 4 * hidden)).clip(-2, 2),
        rng.normal(0, 0.3, 4 * hidden).clip(-2, 2),
    )
    state = lstm(np.clip((features - mean) / scale, -1, 1), weights)[:, -1]
    rows = np.concatenate([state, np.ones((len(state), 1))], axis=1)
    target = np.eye(len(classes))[labels]
    dense = np.linalg.solve(rows.T @ rows + 1e-3 * np.eye(hidden + 1), rows.T @ target)
    tensors = {
        "features.mean": mean,
        "features.scale": scale,
        "lstm.weight_x": weights.weight_x,
        "lstm.weight_h": weights.weight_h,
        "lstm.bias": weights.bias,
        "dense.weight": dense[:-1],
        "dense.bias": dense[-1],
    }
    return Checkpoint({name: tensor.astype(np.float32) for name, tensor in tensors.items()}, tuple(classes))


@pytest.fixture
def settings(archive, checkpoint) -> dict:
    """An experiment that runs in a moment."""
    return {
        "memramp": 1,
        "name": "tones",
        "seed": 3,
        "chips": 2,
        "task": {"kind": "speech_commands", "root": str(archive), "split": "validation"},
        "model": {"checkpoint": str(checkpoint)},
        "device": {"preset": "yang2025_150us", "prog_noise": {"sigma": "5 uS"}},
    }


@pytest.fixture
def write(tmp_path):
    """Write settings as a YAML file and return its path as text."""

    def write_file(settings: dict, name: str = "experiment.yaml") -> str:
        path = tmp_path / name
        path.write_text(yaml.safe_dump(settings, sort_keys=False))
        return str(path)

    return write_file


@pytest.fixture
def without_figures(monkeypatch):
    """Figures take longer than all else in these small runs."""
    for module in ("figures", "ramp_figures"):
        monkeypatch.setattr(f"memramp.experiments.{module}.draw_all", lambda *_: iter(()))


@pytest.fixture
def command(capsys):
    """Run the command line and return (exit code, stdout, stderr)."""

    def run_command(*arguments: object) -> tuple[int, str, str]:
        code = main([str(argument) for argument in arguments])
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    return run_command
