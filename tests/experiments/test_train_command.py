import csv
import json
import sys

import pytest

from memramp.models.checkpoint import load_checkpoint

TRAINING = {
    "memramp": 1,
    "name": "tones",
    "seed": 1,
    "model": {"hidden": 4},
    "training": {"epochs": 2, "batch": 16, "evaluate_every": 1, "evaluation_chips": 1, "warmup_steps": 0},
}


@pytest.fixture
def training(archive) -> dict:
    task = {"kind": "speech_commands", "root": str(archive), "selection_fraction": 0.5}
    return TRAINING | {"task": task}


def test_training_writes_checkpoint_and_history_and_is_not_repeated(training, write, command, tmp_path):
    pytest.importorskip("torch", reason="needs memramp[train]")
    out = tmp_path / "out"
    code, shown, err = command("train", write(training), "--out", out)
    assert (code, err) == (0, "")
    assert "epoch 2/2" in shown
    assert load_checkpoint(str(out / "checkpoint.safetensors")).lstm.hidden == 4
    with (out / "history.csv").open(newline="") as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == ["1", "2"]
    record = json.loads((out / "training.json").read_text())
    assert (record["status"], record["config"]["seed"], record["sittings"][0]["rounds"]) == ("complete", 1, 2)
    before = (out / "state.safetensors").read_bytes()
    code, shown, _ = command("train", write(training), "--out", out)
    assert code == 0
    assert "is complete" in shown
    assert (out / "state.safetensors").read_bytes() == before


def test_training_that_was_cut_goes_on_and_says_so(training, write, command, tmp_path, monkeypatch):
    pytest.importorskip("torch", reason="needs memramp[train]")
    out, file = tmp_path / "out", write(training)
    from memramp.experiments.train import _Session

    def cut(self, _):
        self._record("running")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(_Session, "_report", cut)
        code, _, err = command("train", file, "--out", out)
    kept = f"interrupted: 1/2 epochs are kept in {out}; the same command goes on from there"
    assert (code, err.strip()) == (130, kept)
    code, shown, _ = command("train", file, "--out", out)
    assert code == 0
    assert "goes on after epoch 1" in shown
    assert [sitting["rounds"] for sitting in json.loads((out / "training.json").read_text())["sittings"]] == [1, 1]


def test_folder_of_another_training_or_of_a_run_is_refused(training, write, command, tmp_path):
    pytest.importorskip("torch", reason="needs memramp[train]")
    out, file = tmp_path / "out", write(training)
    assert command("train", file, "--out", out)[0] == 0
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    code, _, err = command("train", file, "--out", out, "--set", "seed=2")
    assert code == 2
    assert "another configuration" in err
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "results.csv").touch()
    code, _, err = command("train", file, "--out", tmp_path / "run")
    assert code == 2
    assert f"{tmp_path / 'run'}: the folder is not empty (it holds 'results.csv')" in err


def test_without_pytorch_the_message_says_what_to_install(training, write, command, tmp_path, monkeypatch):
    for name in [name for name in sys.modules if name.startswith("memramp.models.training")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr("memramp.models.training", raising=False)
    monkeypatch.setitem(sys.modules, "torch", None)
    code, _, err = command("train", write(training), "--out", tmp_path / "out")
    assert (code, err) == (2, "error: training needs PyTorch: pip install 'memramp[train]'\n")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("changes", "fragment"),
    [
        ({"sweep": {"over": {"seed": [1]}}}, "use memramp run"),
        ({"memramp": 3}, "version 1"),
        ({"epochs": 3}, "unknown key 'epochs'"),
        ({"training": {"epochs": 0}}, "'training.epochs'"),
    ],
)
def test_faulty_training_files_are_one_sentence(training, write, command, tmp_path, changes, fragment):
    code, _, err = command("train", write(training | changes), "--out", tmp_path / "out")
    assert code == 2
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert fragment in err
    assert not (tmp_path / "out").exists()


def test_cuda_that_is_not_there_is_one_sentence(training, write, command, tmp_path, monkeypatch):
    torch = pytest.importorskip("torch", reason="needs memramp[train]")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    code, _, err = command("train", write(training), "--out", tmp_path / "out", "--set", "training.device=cuda")
    said = "training.device: 'cuda' is asked for, but PyTorch finds no CUDA device here; take 'cpu'"
    assert (code, err) == (2, f"error: {said}\n")
    assert not (tmp_path / "out").exists()


def test_a_training_that_diverges_is_one_sentence_and_keeps_its_best(write, command, tmp_path):
    pytest.importorskip("torch", reason="needs memramp[train]")
    settings = {
        "epochs": 40, "evaluate_every": 1, "warmup_steps": 1000, "learning_rate": 1, "gradient_clip": 1e30,
        "schedule": "constant", "batch": 64,
    }  # fmt: skip
    file = write(TRAINING | {"task": {"kind": "demo_keywords"}, "model": {"hidden": 32}, "training": settings})
    code, _, err = command("train", file, "--out", tmp_path / "out")
    assert code == 2
    assert err.startswith("error: training: the loss has risen to ")
    assert err.count("\n") == 1
    kept = load_checkpoint(str(tmp_path / "out" / "checkpoint.safetensors"))
    assert kept.metrics["selection_accuracy"] > 50.0
