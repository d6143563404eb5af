"""An experiment with a language model, from the file to figures; a training of one by the command."""

import csv
import json

import numpy as np
import pytest

from memramp.models.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from memramp.models.spec import stacked_spec

TEXT = "the quick brown fox jumps over the lazy dog\n" * 80
SYMBOLS = tuple(sorted(set(TEXT)))


@pytest.fixture
def text(tmp_path):
    (tmp_path / "text.txt").write_text(TEXT)
    return {"kind": "text", "file": str(tmp_path / "text.txt")}


@pytest.fixture
def checkpoint(tmp_path):
    size = len(SYMBOLS)
    spec = stacked_spec("lstm", 6, (8,), size, projection=5, symbols=size, read="all")
    rng = np.random.default_rng(0)
    tensors = {name: rng.normal(0.0, 0.4, shape).astype(np.float32) for name, shape in spec.shapes().items()}
    save_checkpoint(Checkpoint(tensors, SYMBOLS, spec=spec), tmp_path / "net.safetensors")
    return str(tmp_path / "net.safetensors")


def experiment(text, checkpoint, **more):
    return {
        "memramp": 1,
        "name": "chars",
        "chips": 2,
        "task": text,
        "model": {"checkpoint": checkpoint},
        "device": {"preset": "yang2025_150us"},
        **more,
    }


def test_a_run_gives_bits_per_character(text, checkpoint, write, command, tmp_path):
    out = tmp_path / "out"
    sweep = {"sweep": {"over": {"activation.bits": [3, 5]}}}
    code, shown, err = command("run", write(experiment(text, checkpoint, **sweep)), "--out", out)
    assert (code, err) == (0, "")
    assert "Bits per character" in shown
    assert "LSTM 6 -> 8 -> 5" in shown
    with (out / "results.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["condition"] for row in rows] == ["float", "ideal", "chip", "chip"] * 2
    assert all(float(row["bpc"]) == pytest.approx(float(row["bits"]) / int(row["symbols"]), abs=1e-5) for row in rows)
    assert rows[0]["bpc"] == rows[4]["bpc"]  # one float network
    assert rows[1]["bpc"] != rows[5]["bpc"]
    summary = json.loads((out / "summary.json").read_text())["points"][0]
    assert (summary["metric"], "confusion" in summary) == ("bpc", False)
    assert sorted(entry.name for entry in (out / "figures").iterdir()) == ["bpc.png", "ramps.png"]


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"symbols": 10**6}, "task.symbols is 1000000"),
        ({"split": "nonesuch"}, "task.split"),
        ({"streams": 0}, "task.streams"),
        ({"file": "absent.txt"}, "absent.txt"),
    ],
)
def test_bad_tasks_are_told(changed, told, text, checkpoint, write, command):
    code, _, err = command("run", write(experiment(text | changed, checkpoint)))
    assert code == 2
    assert told in err
    assert err.count("\n") == 1


def test_symbols_that_the_network_does_not_know_are_told(text, checkpoint, write, command, tmp_path):
    (tmp_path / "text.txt").write_text(TEXT + "Ω" * 200)
    code, _, err = command("run", write(experiment(text, checkpoint)))
    assert code == 2
    assert r"\u03a9" in err


def test_a_network_for_clips_reads_no_text(text, write, command):
    code, _, err = command("run", write(experiment(text, "demo_keywords_float")))
    assert code == 2
    assert "demo_keywords_float" in err


def test_a_language_model_is_trained_and_run(text, write, command, tmp_path):
    pytest.importorskip("torch", reason="needs memramp[train]")
    out = tmp_path / "trained"
    training = {
        "memramp": 1,
        "name": "chars",
        "task": text,
        "model": {"hidden": 12, "projection": 8, "embedding": 16},
        "training": {
            "epochs": 2, "rounds": 2, "batch": 4, "slice": 16, "evaluate_every": 2, "evaluation_symbols": 1000,
            "learning_rate": 0.02, "warmup_steps": 0,
        },
    }  # fmt: skip
    code, shown, err = command("train", write(training), "--out", out)
    assert (code, err) == (0, "")
    assert "selection bits per character" in shown
    with (out / "history.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["0.5", "1", "1.5", "2"]
    found = load_checkpoint(str(out / "checkpoint.safetensors"))
    assert found.network.recurrent[0].projection == 8
    assert "file" not in found.config["task"]
    rows = np.array(found.tensors["embedding.weight"])
    np.testing.assert_allclose(rows.T @ rows, np.eye(16), atol=1e-5)  # fewer symbols than 27 > 16: columns instead
    code, _, err = command(
        "run", write(experiment(text, str(out / "checkpoint.safetensors"))), "--out", tmp_path / "run"
    )
    assert (code, err) == (0, "")


def test_the_shipped_language_model_reads_the_embedded_text(command, tmp_path):
    out = tmp_path / "out"
    code, _, err = command("run", "char_lm", "--set", "chips=2", "--set", "task.symbols=4000", "--out", out)
    assert (code, err) == (0, "")
    point = json.loads((out / "summary.json").read_text())["points"][0]
    # Uniform guesses take log2(50) = 5.6 bits; the noisy chips stay close to floating point.
    assert point["float"] < 2.2
    assert point["chips"]["mean"] < point["float"] + 0.3


def test_a_language_model_is_diagnosed(command, tmp_path):
    options = ("--samples", "4", "--chips", "1", "--sobol", "0", "--out", tmp_path / "out")
    code, _, err = command("diagnose", "char_lm", *options)
    assert (code, err) == (0, "")
    assert (tmp_path / "out" / "diagnosis.json").exists()
