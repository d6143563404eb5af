"""The command ``memramp diagnose``: what it shows, writes and refuses."""

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
from networks import IDEAL, NOISY, random_features, random_network

from memramp.experiments.console import results_console
from memramp.experiments.diagnosis import Extent, diagnose
from memramp.experiments.diagnosis_figures import draw_all
from memramp.experiments.diagnosis_output import Findings, mean_interval, rms_interval, write_json
from memramp.experiments.diagnosis_report import TerminalListener, sources_table, steps_table
from memramp.experiments.loading import load_experiment
from memramp.experiments.manifest import RunInterruptedError
from memramp.models.analog_network import program_network
from memramp.models.hardware import HardwareConfig
from memramp.models.probe import Probe, run_twin
from memramp.models.range_use import RangeUses
from memramp.models.source_study import Outcome, SourceStudy
from memramp.models.step_errors import StepErrorSums, chip_traces
from memramp.streams import Streams

SMALL = ("--samples", "6", "--chips", "2", "--sobol", "2")
PNG = b"\x89PNG"


@pytest.fixture
def plain(monkeypatch):
    """No figures, which take longer than all else."""
    monkeypatch.setattr("memramp.experiments.diagnosis_figures.draw_all", lambda _: iter(()))
    monkeypatch.setenv("COLUMNS", "80")


def rows(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def findings_of(network, hardware, chips=2, labels=True):
    """Everything but a Sobol study, of a small random network."""
    checkpoint = random_network(network)
    probe = Probe.of_features(checkpoint, random_features(5, 4), np.arange(5) % 4 if labels else None)
    twin = run_twin(probe)
    sums, uses = StepErrorSums(twin), RangeUses(program_network(checkpoint, hardware.ideal(), Streams(0)), twin)
    for traces in chip_traces(probe, twin, hardware, Streams(1), chips):
        sums.add(traces)
        uses.add(traces.chip, traces.closed)
    study = SourceStudy(probe, twin, hardware, Streams(1), chips)
    return Findings("accuracy", probe.shape, chips, 1.0, sums.errors(), uses.uses(), study.one_at_a_time())


@pytest.mark.usefixtures("plain")
def test_what_it_shows_fits_80_columns(command, tmp_path):
    changes = ("crossbar.tile={rows: 40, tall: charge, mismatch: 0.01}", "input.bits=6", "device.stuck_off_rate=0.01")
    changed = [part for text in changes for part in ("--set", text)]
    code, out, err = command("diagnose", "kws", *SMALL, *changed, "--out", tmp_path / "out")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert max(map(len, lines[:-1])) <= 80
    assert lines[-1] == f"written to  {tmp_path / 'out'}"
    for text in (
        "6 sequences of 49 steps of: synthetic demonstration set",
        "Errors at the last step",
        "Pre-activations in their converters' range",
        "32 of 32",
        "Sobol indices, 2 points, factors 0 to 1, with 95 % intervals",
    ):
        assert text in out
    for source in ("resolution of inputs", "programming of weights", "stuck weight devices", "mismatch of capacitors"):
        assert len([line for line in lines if line.startswith(source)]) == 2


@pytest.mark.usefixtures("plain")
def test_what_it_writes_is_consistent_and_the_same_each_time(command, tmp_path):
    for name in ("one", "two"):
        assert command("diagnose", "kws", *SMALL, "--out", tmp_path / name)[0] == 0
    one, two = tmp_path / "one", tmp_path / "two"
    for path in one.glob("*.*"):
        if path.name != "manifest.json":
            assert path.read_bytes() == (two / path.name).read_bytes(), path.name
    found = json.loads((one / "diagnosis.json").read_bytes())
    names = [entry["source"] for entry in found["sources"]["sources"]]
    assert names == ["weight_programming", "weight_reading", "ramp_programming", "ramp_reading"]
    assert list(found["sobol"]["square_error"]["total"]) == names
    assert (found["sobol"]["points"], found["sobol"]["evaluations"]) == (2, 12)
    errors = rows(one / "errors.csv")
    assert len(errors) == 2 * 49 * (5 + 5 + 2)  # loops, steps, pre-activations and gates with tanh(c), states
    whole = [float(row["rms"]) for row in rows(one / "sources.csv") if row["condition"] == "all"]
    closed = [row for row in errors if (row["loop"], row["kind"], row["name"]) == ("closed", "state", "h")]
    # both tell the error of the same states on the same chips
    pooled = np.sqrt(np.mean([float(row["rms"]) ** 2 for row in closed]))
    assert np.sqrt(np.mean(np.square(whole))) == pytest.approx(pooled, rel=1e-4)
    assert found["sources"]["all"]["rms"] == pytest.approx(pooled, rel=1e-4)
    histogram = [int(row["count"]) for row in rows(one / "histograms.csv") if row["gate"] == "f"]
    assert sum(histogram) == 2 * 6 * 49 * 32
    assert [row["gate"] for row in rows(one / "ranges.csv")] == ["i", "f", "o", "g"]
    manifest = json.loads((one / "manifest.json").read_bytes())
    assert manifest["status"] == "complete"
    assert manifest["diagnosis"] == {"samples": 6, "steps": 49, "chips": 2, "sobol": 2, "scale": 1.0}


def test_figures_are_drawn(command, tmp_path):
    code, _, _ = command("diagnose", "kws", "--samples", "2", "--chips", "1", "--sobol", "2", "--out", tmp_path / "out")
    assert code == 0
    figures = {path.name: path.read_bytes()[:4] for path in (tmp_path / "out" / "figures").iterdir()}
    assert figures == dict.fromkeys(("errors.png", "ranges.png", "sources.png", "sobol.png"), PNG)


@pytest.mark.usefixtures("plain")
def test_without_sobol_indices_and_without_sources(command, tmp_path):
    few = ("--samples", "3", "--chips", "1")
    quiet = ("--set", "device={g_min: 0 uS, g_max: 150 uS}")
    code, out, _ = command("diagnose", "kws", *few, *quiet, "--out", tmp_path / "ideal")
    assert code == 0
    assert "none but quantisation" in out
    assert "Sobol" not in out
    assert not (tmp_path / "ideal" / "sobol.csv").exists()
    code, out, _ = command("diagnose", "kws", *few, "--sobol", "0", "--out", tmp_path / "no")
    assert code == 0
    assert "programming of weights" in out
    assert "Sobol" not in out


@pytest.mark.usefixtures("plain")
def test_a_point_of_a_sweep(command, tmp_path):
    code, out, err = command("diagnose", "noise_sweep", "--out", tmp_path / "out")
    assert (code, out) == (2, "")
    assert "noise_sweep.yaml: the sweep has 4 points, a diagnosis is about one; give --point 1 to 4" in err
    few = ("--samples", "3", "--chips", "1", "--sobol", "0")
    code, out, _ = command("diagnose", "noise_sweep", "--point", "1", *few, "--out", tmp_path / "out")
    assert code == 0
    assert "noise_sweep, device.prog_noise.sigma=0 uS" in out
    assert "programming of weights" not in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("kws", "--sobol", "12"), "--sobol: the number of Sobol points must be a power of two, 2 to 1048576"),
        (("kws", "--sobol", "-4"), "found -4"),
        (("kws", "--samples", "0"), "--samples: expected 1 or more, found 0"),
        (("kws", "--chips", "0"), "--chips: expected 1 to 1000, found 0"),
        (("kws", "--chips", "many"), "--chips: expected a whole number, found 'many'"),
        (("kws", "--scale", "0"), "--scale: expected more than 0, at most 10, found 0"),
        (("kws", "--scale", "nan"), "--scale: expected more than 0, at most 10, found nan"),
        (("kws", "--steps", "5"), "--steps: is for texts, the task's clips are read from end to end"),
        (("kws", "--point", "2"), "--point: the experiment has the points 1 to 1, found 2"),
        (("ramp_calibration",), "'experiment' is 'ramp', this needs an experiment with a network"),
        (("nothing.yaml",), "nothing.yaml"),
        (("kws", "--set", "device.prog_noise.sigma=-1 uS"), "device.prog_noise"),
    ],
)
def test_what_it_refuses(arguments, message, command, tmp_path):
    code, out, err = command("diagnose", *arguments, "--out", tmp_path / "out")
    assert (code, out) == (2, "")
    assert re.fullmatch(r"error: [^\n]+\n", err)
    assert message in err
    assert not (tmp_path / "out").exists()


def test_a_folder_that_holds_something_is_refused(command, tmp_path):
    (tmp_path / "file").touch()
    code, _, err = command("diagnose", "kws", "--out", tmp_path)
    assert code == 2
    assert "the folder is not empty (it holds 'file')" in err


def test_after_ctrl_c_finished_tables_are_kept(monkeypatch, tmp_path):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(SourceStudy, "one_at_a_time", stop)
    experiment = load_experiment("kws")
    with pytest.raises(RunInterruptedError, match=r"interrupted: errors.csv, ranges.csv, histograms.csv kept in "):
        diagnose(experiment, Extent(samples=2, chips=1, sobol=0), tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "errors.csv", "histograms.csv", "manifest.json", "ranges.csv"
    ]  # fmt: skip


@pytest.mark.parametrize("network", ["stacked lstm", "rnn"])
def test_tables_and_figures_of_other_networks(network, tmp_path, monkeypatch):
    monkeypatch.setattr("memramp.experiments.figures.DPI", 30)
    found = findings_of(network, HardwareConfig(device=NOISY))
    names = [name for name, content in draw_all(found) if content.startswith(PNG)]
    directions = found.directions
    suffixes = [f"_{direction}" for direction in directions] if len(directions) > 1 else [""]
    assert names == [f"{kind}{suffix}.png" for suffix in suffixes for kind in ("errors", "ranges")] + ["sources.png"]
    write_json(tmp_path, found)
    assert json.loads((tmp_path / "diagnosis.json").read_bytes())["sobol"] is None


def test_a_progress_bar_ends_with_the_tables(monkeypatch, tmp_path):
    from rich.console import Console

    monkeypatch.setattr("memramp.experiments.diagnosis_figures.draw_all", lambda _: iter(()))
    console = Console(force_terminal=True, width=80, record=True, file=(tmp_path / "terminal").open("w"))
    experiment = load_experiment("kws")
    diagnose(experiment, Extent(samples=2, chips=1, sobol=0), tmp_path / "out", TerminalListener(console))
    text = console.export_text()
    console.file.close()
    assert "chips, left" in (tmp_path / "terminal").read_text()
    assert text.rstrip().endswith(f"written to  {tmp_path / 'out'}")


def test_numbers_that_are_not_known_are_left_out(tmp_path):
    found = findings_of("rnn", HardwareConfig(device=IDEAL), chips=1, labels=False)
    write_json(tmp_path, found)
    sources = json.loads((tmp_path / "diagnosis.json").read_bytes())["sources"]
    assert sources["all"]["metric"] is None
    assert sources["all"]["rms_interval"] == [None, None]
    console = results_console()
    with console.capture() as shown:
        console.print(sources_table(found), steps_table(found))
    assert "quantisation" in shown.get()


def test_intervals():
    # t of 3 degrees of freedom at 97.5 %: 3.18245
    values = np.array([1.0, 2.0, 3.0, 4.0])
    half = 3.18245 * values.std(ddof=1) / 2.0
    np.testing.assert_allclose(mean_interval(values), [2.5 - half, 2.5 + half], rtol=1e-5)
    rms, slope = np.sqrt(2.5), 0.5 / np.sqrt(2.5)
    expected = [rms - slope * half, rms + slope * half]
    np.testing.assert_allclose(rms_interval(Outcome(values, values)), expected, rtol=1e-5)
    assert np.isnan([*mean_interval(values[:1]), *rms_interval(Outcome(values[:1], values[:1]))]).all()
    assert rms_interval(Outcome(np.zeros(2), np.zeros(2))) == (0.0, 0.0)


def test_the_python_of_its_page_runs(capsys):
    page = (Path(__file__).resolve().parents[2] / "docs" / "diagnostics.md").read_text()
    (program,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    exec(compile(program.replace("sample(64)", "sample(4)"), "diagnostics.md", "exec"), {})
    assert capsys.readouterr().out.count("\n") == 4


def test_its_page_names_every_source():
    page = (Path(__file__).resolve().parents[2] / "docs" / "diagnostics.md").read_text()
    source = (Path(__file__).resolve().parents[2] / "models" / "hardware_sources.py").read_text()
    names = re.findall(r'Source\(f?"([^"]+)"', source)
    assert len(names) > 12
    for name in names:
        for full in {name.replace("{name}", kind) for kind in ("weight", "ramp")}:
            assert f"`{full}`" in page, full
