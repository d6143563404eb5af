import csv
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from memramp import __version__
from memramp.experiments.console import results_console
from memramp.experiments.ramp_results import BlockSummary
from memramp.experiments.report import TerminalReporter
from memramp.experiments.results import PointSummary
from memramp.experiments.runner import RunResult
from memramp.models.checkpoint import load_checkpoint, save_checkpoint
from memramp.models.metric import ACCURACY

ROOT = Path(__file__).resolve().parents[2]


def process(*arguments: object, code: str | None = None) -> subprocess.CompletedProcess:
    command = ["-c", code] if code else ["-m", "memramp.experiments.cli", *map(str, arguments)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    whole = [sys.executable, *command]
    return subprocess.run(whole, env=environment, capture_output=True, text=True, timeout=300)


def assert_one_sentence(result: tuple[int, str, str], *fragments: str) -> None:
    code, out, err = result
    assert (code, out) == (2, "")
    assert re.fullmatch(r"error: [^\n]+\n", err), err
    for fragment in fragments:
        assert fragment in err


@pytest.fixture
def refused(settings, write, command, tmp_path):
    """Run an experiment that must be refused, and check that nothing was written."""

    def check(*fragments: str, overrides=(), **changes) -> None:
        changed = [part for text in overrides for part in ("--set", text)]
        result = command("run", write(settings | changes), "--out", tmp_path / "out", *changed)
        assert_one_sentence(result, *fragments)
        assert not (tmp_path / "out").exists()

    return check


@pytest.fixture
def broken_archive(archive, tmp_path) -> Path:
    """A copy whose files may be replaced (not written to: they are links)."""
    return Path(shutil.copytree(archive, tmp_path / "broken", copy_function=os.link))


def test_run_shows_what_it_found(settings, write, command, tmp_path):
    code, out, err = command("run", write(settings), "--out", tmp_path / "out", "--set", "description=A [bold] test")
    assert (code, err) == (0, "")
    assert "A [bold] test" in out  # not taken for markup
    with (tmp_path / "out" / "results.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert f"{float(rows[0]['accuracy']):.2f}" in out
    mean = np.mean([float(row["accuracy"]) for row in rows[2:]])
    assert f"{mean:.2f} ± " in out
    assert "->" in out
    assert str(tmp_path / "out") in out
    assert max(map(len, out.splitlines()[:-1])) <= 80
    assert "\x1b" not in out
    assert all(line == line.rstrip() for line in out.splitlines())


@pytest.mark.usefixtures("without_figures")
def test_header_tells_what_all_points_share_and_what_is_used(settings, write, command, tmp_path):
    (tmp_path / "faults.csv").write_text("array,row,column,device,state\nlstm,1,2,pos,stuck_off\n")
    tile = {"rows": 32, "tall": "digital", "adc": {"bits": 7}}
    changes = {
        "faults": str(tmp_path / "faults.csv"),
        "crossbar": {"tile": tile, "layout": "separate", "scale": "70 uS"},
        "chips": 1,
        "sweep": {"over": {"crossbar.wires": [{}, {"r_row": 1, "sense": "top"}], "environment.t_inference": [0, 10]}},
    }
    code, out, _ = command("run", write(settings | changes), "--out", tmp_path / "out")
    assert code == 0
    text = " ".join(out.split())
    assert "converter uniform ADC of 7 bit a tile, sums and functions in digital crossbar" in text
    settings_of_all = "scale 70 uS per weight unit, layout separate, tile.rows 32, tile.tall digital, tile.adc.bits 7"
    assert f"crossbar {settings_of_all} faults {tmp_path}" in text.replace("- ", "-")
    assert "more in the sweep" not in out
    assert "mistaken at the best point (crossbar.wires=" in text


def test_ramps_are_drawn_only_where_they_are_used(settings, write, command, tmp_path):
    for rows, ramps in ((32, []), (64, ["ramps.png"])):
        tile = {"rows": rows, "tall": "digital"}
        out = tmp_path / str(rows)
        assert command("run", write(settings | {"chips": 1, "crossbar": {"tile": tile}}), "--out", out)[0] == 0
        assert sorted(path.name for path in (out / "figures").iterdir()) == ["accuracy.png", "confusion.png", *ramps]


@pytest.mark.parametrize(("overflow", "told"), [([0.0, 0.099], False), ([0.02, 1.64], True)])
def test_a_note_tells_of_bias_devices_beyond_their_window_but_not_of_rounding(overflow, told):
    counts = np.array([[9, 1], [0, 10]])
    summary = PointSummary(1, {}, ACCURACY, 95.0, 95.0, np.array([95.0, 95.0]), counts, np.array(overflow))
    console = results_console()
    with console.capture() as shown:
        TerminalReporter(console).finish(RunResult(Path("out"), ("a", "b"), [summary]))
    assert ("note" in shown.get()) == told
    assert summary.as_dict(("a", "b"))["bias_overflow"]["chips"] == told
    rows = tuple(SimpleNamespace(bias_overflow=excess) for excess in overflow)
    assert BlockSummary(rows, limit=1.0).overflowing == told
    assert ("on 1 of 2 chips, calibration asks a bias device for up to 1.6 uS" in " ".join(shown.get().split())) == told


def test_table_of_a_sweep_has_a_row_a_point(settings, write, command, tmp_path):
    over = {"over": {"device.prog_noise.sigma": ["0 uS", "2.67 uS"], "activation.levels": ["paper", "midpoint"]}}
    code, out, _ = command("run", write(settings | {"sweep": over}), "--out", tmp_path / "out")
    assert code == 0
    for sigma in ("0 uS", "2.67 uS"):
        for levels in ("paper", "midpoint"):
            assert re.search(rf"^ *{sigma} +{levels} +[\d.]+ +[\d.]+ +[\d.]+ ± [\d.]+ *$", out, re.MULTILINE)


@pytest.mark.parametrize(
    ("override", "fragments"),
    [
        ("activation.bitz=5", ["unknown key 'activation.bitz' (did you mean 'bits'?)", "--set activation.bitz=5"]),
        ("device.prog_noise.sigma=5 V", ["'device.prog_noise.sigma'", "uS", "'5 V'"]),
        ("device.prog_noise.sigma=-5 uS", ["'device.prog_noise.sigma'", "-5"]),
        ("activation.bits=0", ["'activation.bits'", "found 0"]),
        ("activation.bits=40", ["'activation.bits'", "found 40"]),
        ("device={preset: yang2025_150us, stuck_off_rate: 0.7, stuck_on_rate: 0.4}", ["at most 1", "0.7 and 0.4"]),
        ("device.preset=nope", ["unknown device preset 'nope'"]),
        ("model.checkpoint=nope", ["checkpoint 'nope'"]),
        ("model.checkpoint=nope.safetensors", ["nope.safetensors", "no such file"]),
        ("task.root=null", ["task.root", "http://download.tensorflow.org"]),
        ("task.root=/nowhere/at/all", ["/nowhere/at/all", "http://download.tensorflow.org"]),
        ("task.split=training]", ["--set task.split=training]"]),
        ("crossbar.scale=80", ["g_max of 150 uS"]),
    ],
)
def test_bad_settings_are_one_sentence(refused, override, fragments):
    refused(*fragments, overrides=[override])


def test_unknown_key_in_the_file_is_one_sentence(refused):
    refused("experiment.yaml: unknown key 'chip' (did you mean 'chips'?)", chip=3)


def test_missing_file_is_one_sentence(command, tmp_path):
    assert_one_sentence(command("run", tmp_path / "no.yaml"), "no.yaml: no such file")
    assert_one_sentence(command("train", tmp_path / "no.yaml"), "no.yaml: no such file")
    assert_one_sentence(command("run", tmp_path), f"{tmp_path}: is a directory")


def test_folder_without_the_words_is_one_sentence(refused, tmp_path):
    (tmp_path / "empty").mkdir()
    refused("empty", "'yes'", task={"kind": "speech_commands", "root": str(tmp_path / "empty")})


@pytest.mark.parametrize(
    ("kind", "fragment"),
    [("truncated", "truncated"), ("8 kHz", "8000"), ("stereo", "2 channels"), ("text", "not a readable")],
)
def test_broken_sound_is_one_sentence(refused, broken_archive, kind, fragment):
    clip = broken_archive / "stop" / "00000005_nohash_0.wav"  # of the validation list
    content = clip.read_bytes()
    clip.unlink()
    match kind:
        case "truncated":
            clip.write_bytes(content[:9000])
        case "8 kHz":
            soundfile.write(clip, np.zeros(8000, np.int16), 8000)
        case "stereo":
            soundfile.write(clip, np.zeros((16000, 2), np.int16), 16000)
        case "text":
            clip.write_text("hello")
    task = {"kind": "speech_commands", "root": str(broken_archive), "split": "validation"}
    refused(str(clip), fragment, task=task)


def test_corrupt_checkpoint_is_one_sentence(refused, checkpoint, tmp_path):
    path = tmp_path / "corrupt.safetensors"
    for content in (b"", b"garbage" * 9, checkpoint.read_bytes()[:-100]):
        path.write_bytes(content)
        refused(str(path), "damaged", overrides=[f"model.checkpoint={path}"])


def test_checkpoint_for_other_dimensions_is_one_sentence(refused, checkpoint, tmp_path):
    whole = load_checkpoint(str(checkpoint))
    fewer = dict(whole.tensors)
    for name in ("features.mean", "features.scale", "lstm.weight_x"):
        fewer[name] = fewer[name][:30]
    path = tmp_path / "inputs.safetensors"
    save_checkpoint(type(whole)(fewer, whole.classes), path)
    refused("made for 30 features", "inputs.safetensors", overrides=[f"model.checkpoint={path}"])
    dense = {"dense.weight": whole.tensors["dense.weight"][:, :3], "dense.bias": whole.tensors["dense.bias"][:3]}
    path = tmp_path / "classes.safetensors"
    save_checkpoint(type(whole)(whole.tensors | dense, ("a", "b", "c")), path)
    refused("has 3 classes (a, b, c), the task has 12", overrides=[f"model.checkpoint={path}"])


def test_folder_that_holds_another_run_is_left_alone(settings, write, command, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "results.csv").write_text("precious")
    assert_one_sentence(command("run", write(settings), "--out", out), "not empty", "results.csv")
    assert_one_sentence(command("run", write(settings), "--out", out / "results.csv"), "is a file")
    assert_one_sentence(command("run", write(settings), "--out", out / "results.csv" / "x"), "results.csv")
    assert [(path.name, path.read_text()) for path in out.iterdir()] == [("results.csv", "precious")]


def test_names_with_line_breaks_stay_one_line(command):
    assert_one_sentence(command("run", "two\nlines\x1b[31m.yaml"), "two lines")


@pytest.mark.parametrize(
    "arguments",
    [["run"], ["fly"], ["run", "a", "b"], ["run", "--bits"], ["ramp"], ["ramp", "export", "tanh"], ["show"]],
)
def test_wrong_usage_is_one_sentence(command, arguments):
    assert_one_sentence(command(*arguments), "memramp --help")


def test_interruption_is_one_line(monkeypatch, settings, write, command, tmp_path):
    def cut(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("memramp.experiments.report.TerminalReporter.row", cut)
    code, _, err = command("run", write(settings), "--out", tmp_path / "out")
    assert (code, err.strip()) == (130, f"interrupted: 1 of 4 rows are kept in {tmp_path / 'out' / 'results.csv'}")
    monkeypatch.setattr("memramp.experiments.runner.prepare", cut)
    code, _, err = command("run", write(settings), "--out", tmp_path / "other")
    assert (code, err.strip()) == (130, "interrupted: nothing was written")
    assert not (tmp_path / "other").exists()


def test_lists_name_their_sources(command):
    code, out, _ = command("show", "devices")
    assert code == 0
    assert "yang2025_150us" in out
    assert "10.1038/s41467-025-56254-6" in out
    assert command("show", "checkpoints")[0] == 0
    assert "kws_speech_commands" in command("show", "experiments")[1]
    functions, densities, components = (
        command("show", what)[1] for what in ("functions", "densities", "components")
    )
    assert "energy.column_clock" in components
    assert "printed: 42.82 pJ" in " ".join(components.split())
    assert "daruan" in functions
    assert "arXiv:2006.08195" in functions
    assert "demo_keywords_float" in densities
    for shown in (functions, densities, components):
        assert max(map(len, shown.splitlines())) <= 80
    assert_one_sentence(command("show", "cats"), "devices, functions, densities, checkpoints, components, experiments")


def test_version(command):
    assert command("version")[:2] == command("--version")[:2] == (0, f"memramp {__version__}\n")


def test_help_answers_without_loading_the_simulator():
    code = (
        "import sys; from memramp.experiments.cli import main; "
        "assert main(['--help']) == main(['run', '--help']) == main(['ramp', 'check', '--help']) == 0; "
        "assert main(['import', '--help']) == 0; "
        "heavy = {'numba', 'numpy', 'scipy', 'matplotlib', 'torch'} & set(sys.modules); assert not heavy, heavy"
    )
    result = process(code=code)
    assert result.returncode == 0, result.stderr
    assert "run" in result.stdout


def test_a_whole_process_gives_the_same_bytes_and_exit_codes(settings, write, command, tmp_path):
    file = write(settings)
    assert command("run", file, "--out", tmp_path / "here")[0] == 0
    there = process("run", file, "--out", tmp_path / "there")
    assert (there.returncode, there.stderr) == (0, "")
    assert (tmp_path / "there" / "results.csv").read_bytes() == (tmp_path / "here" / "results.csv").read_bytes()
    again = process("run", file, "--out", tmp_path / "there")
    assert_one_sentence((again.returncode, again.stdout, again.stderr), "not empty")
