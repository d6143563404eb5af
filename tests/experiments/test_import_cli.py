"""The command 'memramp import': what it prints, writes and refuses."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from memramp.experiments.cli import main
from memramp.models.checkpoint import load_checkpoint

PAGE = Path(__file__).resolve().parents[2] / "docs" / "import.md"


@pytest.fixture
def command(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")

    def run(*arguments):
        code = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.fixture
def net(tmp_path):
    rng = np.random.default_rng(0)

    def draw(*shape):
        return rng.uniform(-1.0, 1.0, shape).astype(np.float32)

    tensors = {
        "lstm.weight_ih_l0": draw(16, 3), "lstm.weight_hh_l0": draw(16, 4), "fc.weight": draw(3, 4),
        "extra.weight": draw(2),
    }  # fmt: skip
    tensors["lstm.weight_ih_l0"][0, :2] = 2.5, -3.25
    save_file(tensors, tmp_path / "net.safetensors")
    return tmp_path / "net.safetensors"


def test_import_writes_a_checkpoint_and_says_what_is_in_it(command, net, tmp_path):
    np.save(tmp_path / "mean.npy", np.arange(3.0))
    (tmp_path / "scale.csv").write_text("1.0\n2.0\n4.0\n")
    (tmp_path / "names.txt").write_text("yes\nno\n \n")
    out = tmp_path / "out.safetensors"
    code, shown, err = command(
        "import", net, "--out", out, "--ignore", "extra.*", "--classes", tmp_path / "names.txt", "--name", "mine",
        "--mean", tmp_path / "mean.npy", "--scale", tmp_path / "scale.csv", "--input-range", "0.5", "--cell", "lstm",
        "--read", "last", "--dense", "fc", "--recurrent", "lstm",
    )  # fmt: skip
    assert (code, err) == (0, "")
    assert "warning: 2 of 128 weights of lstm lie beyond +-2 and are clipped" in " ".join(shown.split())
    assert "crossbar.w_clip is 3.25 or more" in " ".join(shown.split())
    assert "3.25" in shown.splitlines()[1]
    assert max(len(line) for line in shown.splitlines() if str(out) not in line) <= 80
    checkpoint = load_checkpoint(str(out))
    assert checkpoint.classes == ("yes", "no", " ")
    assert checkpoint.config["name"] == "mine"
    assert checkpoint.config["imported"]["file"] == "net.safetensors"
    assert len(checkpoint.config["imported"]["sha256"]) == 64
    assert checkpoint.scalar("lstm", "range_x") == 0.5
    np.testing.assert_array_equal(checkpoint.tensors["features.scale"], [1.0, 2.0, 4.0])


def test_names_from_json_may_be_line_ends(command, net, tmp_path):
    (tmp_path / "names.json").write_text(json.dumps(["\n", ",", "a"]))
    out = tmp_path / "out.safetensors"
    assert command("import", net, "--out", out, "--ignore", "extra.*", "--classes", tmp_path / "names.json")[0] == 0
    assert load_checkpoint(str(out)).classes == ("\n", ",", "a")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--cell", "transformer"], "--cell: expected lstm, gru or rnn, found 'transformer'"),
        (["--read", "first"], "--read: expected last or all, found 'first'"),
        (["--input-range", "0"], "--input-range: expected a positive number of input units, found 0"),
        (["--input-range", "x"], "--input-range: expected a number, found 'x'"),
        (["--mean", "nan"], "--mean: expected a finite number"),
        (["--mean", "many"], "--mean: expected a number or a .npy or .csv file, found 'many'"),
        (["--mean", "absent.npy"], "absent.npy: no such file"),
        (["--mean", "pickled.npy"], "pickled.npy: damaged or no .npy file of numbers"),
        (["--mean", "matrix.csv"], "expected one row or column of finite numbers, found [2, 2]"),
        (["--classes", "a,,b"], "--classes: expected names that are not empty"),
        (["--classes", "nested.json"], "nested too deeply"),
        (["--classes", "other.json"], "expected a list of texts, found {'a': 1}"),
        ([], "no layer takes the tensors 'extra.weight [2]'"),
        (["--ignore", "*"], "no recurrent layer"),
    ],
)
def test_wrong_options_are_one_sentence_and_nothing_is_written(command, net, tmp_path, monkeypatch, options, said):
    monkeypatch.chdir(tmp_path)
    np.save("pickled.npy", np.array([{}], dtype=object), allow_pickle=True)
    (tmp_path / "matrix.csv").write_text("1,2\n3,4\n")
    (tmp_path / "nested.json").write_text("[" * 100_000)
    (tmp_path / "other.json").write_text('{"a": 1}')
    code, shown, err = command("import", net, "--out", "out.safetensors", *options)
    assert (code, shown) == (2, "")
    assert said in err
    assert len(err.splitlines()) == 1
    assert not (tmp_path / "out.safetensors").exists()


def test_what_is_there_is_not_overwritten(command, net, tmp_path):
    before = net.read_bytes()
    assert command("import", net, "--out", net, "--force")[0] == 2
    assert command("import", net, "--out", tmp_path / "out.pt")[0] == 2
    out = tmp_path / "out.safetensors"
    out.write_text("precious")
    code, _, err = command("import", net, "--out", out, "--ignore", "extra.*")
    assert code == 2
    assert "--force" in err
    assert (net.read_bytes(), out.read_text()) == (before, "precious")
    assert command("import", net, "--out", out, "--ignore", "extra.*", "--force")[0] == 0
    assert load_checkpoint(str(out)).classes == ("0", "1", "2")


def test_the_page_names_every_option(command):
    shown = set(re.findall(r"--[a-z][a-z-]+", command("import", "--help")[1])) - {"--help"}
    assert shown == set(re.findall(r"--[a-z][a-z-]+", PAGE.read_text()))
