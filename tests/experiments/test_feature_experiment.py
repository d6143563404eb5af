"""Experiments with sequences of one's own."""

import json
from contextlib import suppress

import numpy as np
import pytest

from memramp.errors import InputError
from memramp.models.checkpoint import Checkpoint, save_checkpoint
from memramp.models.feature_file import FeatureTask, load_features
from memramp.models.spec import stacked_spec


@pytest.fixture
def checkpoint(tmp_path):
    spec, rng = stacked_spec("gru", 3, (5,), 2), np.random.default_rng(0)
    tensors = {name: rng.normal(0.0, 0.5, shape).astype(np.float32) for name, shape in spec.shapes().items()}
    found = Checkpoint(tensors, ("falls", "rises"), spec=spec)
    save_checkpoint(found, tmp_path / "net.safetensors")
    return found


@pytest.fixture
def experiment(tmp_path, checkpoint, write):  # noqa: ARG001  (written beside)
    def make(**arrays):
        np.savez(tmp_path / "own.npz", **arrays)
        task = {"kind": "features", "file": str(tmp_path / "own.npz")}
        model = {"checkpoint": str(tmp_path / "net.safetensors")}
        plain = {"memramp": 1, "name": "own", "chips": 2, "task": task, "model": model}
        return write(plain | {"device": {"preset": "yang2025_150us"}})

    return make


FEATURES = np.random.default_rng(1).normal(size=(30, 6, 3))


def test_a_network_recognises_sequences_of_ones_own(experiment, checkpoint, command, tmp_path):
    labels = checkpoint.float_logits(FEATURES).argmax(axis=1)
    code, shown, err = command("run", experiment(features=FEATURES, labels=labels), "--out", tmp_path / "out")
    assert (code, err) == (0, "")
    assert "GRU 3 -> 5, 2 classes" in shown
    point = json.loads((tmp_path / "out" / "summary.json").read_text())["points"][0]
    assert point["float"] == 100.0
    assert point["confusion"]["classes"] == ["falls", "rises"]
    assert point["chips"]["mean"] > 60.0


@pytest.mark.parametrize(
    ("arrays", "told"),
    [
        ({"features": FEATURES}, "holds no array 'labels', only features"),
        ({"features": FEATURES[0], "labels": np.zeros(6, int)}, "'features' must be floating-point numbers"),
        ({"features": FEATURES, "labels": np.zeros(29, int)}, r"'labels' must be whole numbers \[30\]"),
        ({"features": FEATURES, "labels": np.full(30, 2)}, "must lie in 0..1, the network's classes, found 2"),
        ({"features": FEATURES * np.nan, "labels": np.zeros(30, int)}, "must be finite"),
        ({"features": FEATURES[:, :, :2], "labels": np.zeros(30, int)}, "made for 3 features a step"),
        ({"features": np.array([{}]), "labels": np.zeros(1, int)}, "no .npz file of plain arrays"),
    ],
)
def test_arrays_that_do_not_fit_are_told(experiment, command, arrays, told):
    code, _, err = command("run", experiment(**arrays))
    assert code == 2
    assert err.count("\n") == 1
    import re

    assert re.search(told, err), err


def test_a_damaged_file_is_told(experiment, command, tmp_path):
    file = experiment(features=FEATURES, labels=np.zeros(30, int))
    (tmp_path / "own.npz").write_bytes((tmp_path / "own.npz").read_bytes()[:-30])
    code, _, err = command("run", file)
    assert (code, "no .npz file" in err) == (2, True)


def test_every_damaged_byte_is_told_or_harmless(tmp_path):
    np.savez_compressed(tmp_path / "own.npz", features=FEATURES[:2, :2], labels=np.zeros(2, int))
    whole = (tmp_path / "own.npz").read_bytes()
    for place in range(0, len(whole), 3):
        (tmp_path / "own.npz").write_bytes(whole[:place] + bytes([whole[place] ^ 0x29]) + whole[place + 1 :])
        with suppress(InputError):
            load_features(FeatureTask(file=tmp_path / "own.npz"), ("a", "b"))


def test_numbers_beyond_float32_are_told(experiment, command):
    code, _, err = command("run", experiment(features=FEATURES * 1e300, labels=np.zeros(30, int)))
    assert (code, "must be finite" in err) == (2, True)
