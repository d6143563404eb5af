import csv
import json
import re
from inspect import signature

import numpy as np
import pytest

from memramp.crossbar import load_weight_table
from memramp.defaults import INL_LIMIT
from memramp.devices import load_preset, resolve_device
from memramp.experiments.cli import main
from memramp.experiments.ramp_schema import RampExperimentConfig
from memramp.models.checkpoint import load_checkpoint
from memramp.peripherals import (
    check_readback,
    design_ramp,
    inl_dnl,
    load_density,
    load_table,
    program_columns,
    simulate_readback,
    write_readback,
)
from memramp.peripherals.density import load_recording
from memramp.peripherals.yields import Limits
from memramp.streams import Streams

PRESET = "yang2025_150us"


@pytest.fixture
def ramp(command, tmp_path):
    """Run ``memramp ramp`` and check that it succeeded, quietly and within 80 columns; return what it printed."""

    def run(*arguments: object, code: int = 0) -> str:
        found, out, err = command("ramp", *arguments)
        assert (found, err) == (code, "")
        assert max(map(len, out.replace(str(tmp_path), "").splitlines())) <= 80
        assert "\x1b" not in out
        return out

    return run


@pytest.fixture
def refused(command, tmp_path):
    """Run ``memramp ramp`` with bad input, and check that it says so in a sentence and writes nothing."""

    def check(*arguments: object) -> str:
        before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
        code, out, err = command("ramp", *arguments)
        assert (code, out) == (2, "")
        assert re.fullmatch(r"error: [^\n]+\n", err), err
        assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
        return err

    return check


def rows_of(path):
    lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
    return list(csv.DictReader(lines))


def measure(table, readback, sigma="2.67 uS", off=0.0, seed=1):
    """Write what a simulated laboratory measures."""
    device = resolve_device({"preset": PRESET, "prog_noise": {"sigma": sigma}, "stuck_off_rate": off})
    write_readback(readback, simulate_readback(load_table(table), device, Streams(seed)).measured, force=True)


# design


def test_design_shows_what_is_to_be_written(ramp):
    out = ramp("design", "sigmoid", "--bits", 5, "--levels", "paper")
    assert "32 ramp devices of 24.41 to 150.00 uS; 5 bias devices of 144.90 uS" in out
    design = design_ramp("sigmoid", 5, "paper", load_preset(PRESET))
    shown = re.findall(r"^ *\d+ +ramp +\d+ +1 +(\d+\.\d\d) ", out, re.MULTILINE)
    np.testing.assert_allclose(np.array(shown, float), design.g_steps, atol=0.00501)
    assert "as programmed" in out
    assert "one-point calibrated" in out


def test_expected_inl_is_that_of_programmed_columns(ramp):
    out = ramp("design", "tanh", "--bits", 4, "--chips", 300, "--seed", 7, "--sigma", "5 uS", "--inl-limit", 0.2)
    device = resolve_device({"preset": PRESET, "prog_noise": {"sigma": "5 uS"}})
    design = design_ramp("tanh", 4, "midpoint", device)
    rng = Streams(7).child("yield", "").generator("columns", 0)
    columns = program_columns(design, device, rng, 300)
    worst = np.abs(inl_dnl(columns.thresholds, design)[0]).max(axis=1)
    shown = re.search(r"one-point calibrated +([\d.]+) +([\d.]+) +([\d.]+) +([\d.]+) %", out)
    assert [float(shown[2]), float(shown[3])] == pytest.approx([worst.mean(), np.quantile(worst, 0.95)], abs=6e-4)
    assert float(shown[4]) == pytest.approx(100 * np.mean((worst <= 0.2) & (columns.bias_overflow == 0)), abs=0.006)


def test_design_takes_expressions_and_tables_with_folds(ramp, tmp_path):
    out = ramp("design", "--expr", "x * sigmoid(1.702 * x)", "--span", "-4,4", "--fold", -0.76, "--bits", 6)
    assert "turns at -0.7512" in out
    table = tmp_path / "hill.csv"
    table.write_text("x,y\n" + "".join(f"{x},{x * (4 - x)}\n" for x in range(6)))
    assert "turns at 2" in ramp("design", "--table", table, "--fold", 2, "--bits", 3)


def test_density_places_levels_and_tells_the_error(ramp):
    common = ("design", "tanh", "--bits", 3, "--density", "normal:0,1.2", "--levels")
    errors = {}
    for kind in ("midpoint", "lloyd_max", "noise_aware"):
        found = re.search(r"RMS at the output ([\d.]+) with ideal devices, ([\d.]+) expected", ramp(*common, kind))
        errors[kind] = [float(found[1]), float(found[2])]
    assert errors["lloyd_max"][0] < errors["midpoint"][0]
    assert errors["noise_aware"][1] <= errors["lloyd_max"][1] < errors["midpoint"][1]


def test_realisation_and_calibration_are_shown(ramp):
    options = ("--max-devices", 2, "--pulse-widths", "1,0.5", "--bias-devices", 12, "--spares", 3, "--remap")
    out = ramp("design", "tanh", "--bits", 5, "--copies", 2, "--stuck-off", 0.01, *options)
    assert "12 bias devices" in " ".join(out.split())
    assert "3 spares" in out
    assert "best of 2" in out
    assert "replaced" in out


def test_long_ramps_are_shortened_unless_asked_for(ramp):
    assert "\n..." in ramp("design", "sigmoid", "--bits", 8, "--chips", 2)
    assert len(re.findall(" ramp ", ramp("design", "sigmoid", "--bits", 8, "--chips", 2, "--full"))) >= 254


@pytest.mark.parametrize(
    ("changed", "fragment"),
    [
        ({"--bits": 0}, "--bits: bits of a ramp with levels 'midpoint' must be 2 to 12, found 0"),
        ({"--bits": 40}, "--bits: bits of a ramp with levels 'midpoint' must be 2 to 12, found 40"),
        ({"--bits": "five"}, "--bits: expected a whole number, found 'five'"),
        ({"--device": "../x"}, "--device: unknown device preset"),
        ({"--device": "readc_taox"}, "at most 4 bits"),
        ({"--levels": "floor"}, "--levels: expected paper, midpoint, uniform, lloyd_max or noise_aware, found 'floor'"),
        ({"--levels": "lloyd_max"}, "--levels lloyd_max needs --density"),
        ({"--levels": "lloyd_max", "--density": "normal:0"}, "--density: density 'normal:0': expected normal:MEAN,STD"),
        ({"--bits": 9, "--levels": "lloyd_max", "--density": "normal:0,1"}, "--bits: bits of levels that follow from"),
        ({"--output-bits": 6, "--levels": "lloyd_max", "--density": "normal:0,1"}, "--output-bits: output_bits must"),
        ({"--density": "nope.json"}, "--density: nope.json"),
        ({"FN": "sigmo"}, "unknown activation function 'sigmo'"),
        ({"FN": "sigmoid,tanh"}, "takes one function, found 2"),
        ({"--expr": "x"}, "exactly one of FN, --expr and --table, found FN and --expr"),
        ({"--span": "1"}, "--span: expected two numbers"),
        ({"--span": "4,-4"}, "span"),
        ({"--span": "a,b"}, "--span: expected numbers"),
        ({"--fold": 0.5}, "folds belong to an expression"),
        ({"--sigma": "5 V"}, "--sigma: expected the unit uS"),
        ({"--sigma": "5 S"}, "--sigma: expected 0 to 1e+06 uS"),
        ({"--span": "1,inf"}, "--span: expected finite numbers"),
        ({"--span": "data:2", "--density": "normal:0,1"}, "--span: the part that a span holds must lie between"),
        ({"--stuck-off": 1.5}, "--stuck-off: expected 0 to 1, found 1.5"),
        ({"--stuck-off": "nan"}, "--stuck-off: expected 0 to 1, found nan"),
        ({"--stuck-off": 0.6, "--stuck-on": 0.6}, "--stuck-off and --stuck-on together are at most 1, found 0.6 and"),
        ({"--calibration": "best"}, "--calibration: expected none, ideal_bias, one_point or two_point, found 'best'"),
        ({"--copies": 0}, "--copies: expected 1 to 64, found 0"),
        ({"--pulse-widths": "0.5"}, "--pulse-widths: pulse widths lie between 0.001 and 1"),
        ({"--max-devices": 0}, "--max-devices: expected 1 to 16, found 0"),
        ({"--bias-devices": 0}, "--bias-devices: expected 1 to 1024, found 0"),
        ({"--bias-devices": 1}, "1 bias devices cannot hold"),
        ({"--spares": -1}, "--spares: expected 0 to 256, found -1"),
        ({"--inl-limit": 0}, "--inl-limit: expected a positive number of LSB, found 0"),
        ({"--dnl-limit": "nan"}, "--dnl-limit: expected a positive number of LSB, found nan"),
        ({"--inl-limit": "one"}, "--inl-limit: expected a number, found 'one'"),
        ({"--chips": 0}, "--chips: expected 1 to 10000000, found 0"),
        ({"--seed": -1}, "--seed"),
        ({"--output-bits": 8}, "--output-bits belongs to --levels lloyd_max and noise_aware, found 'midpoint'"),
    ],
)
def test_ramps_that_cannot_be_are_refused(refused, changed, fragment):
    options = {"--bits": 6} | changed
    function = options.pop("FN", "tanh")
    assert fragment in refused("design", function, *(part for pair in options.items() for part in pair))


def test_spares_are_needed_where_they_are_to_be_used(refused):
    assert "--spares" in refused("design", "tanh", "--bits", 4, "--remap")
    assert "exactly one of FN, --expr and --table, found none" in refused("design", "--bits", 4)


# export and check


def test_table_of_a_layer_is_written_and_never_replaced_unasked(ramp, refused, tmp_path):
    path = tmp_path / "ramp.csv"
    export = ("export", "sigmoid,tanh", "--bits", 5, "--out", path)
    out = ramp(*export[:-2], "--levels", "paper", "--out", path)
    assert out.count("32 ramp devices") == out.count("5 bias devices") == 2
    table = load_table(path)
    assert list(table.ramps) == ["sigmoid", "tanh"]
    design = design_ramp("tanh", 5, "paper", load_preset(PRESET))
    assert (table.design("tanh").thresholds == design.thresholds).all()
    assert [row["role"] for row in rows_of(path)] == (["ramp"] * 32 + ["bias"] * 5) * 2
    before = path.read_bytes()
    assert "exists already" in refused(*export)
    ramp("export", "sigmoid,tanh", "--bits", 5, "--force", "--out", path)
    assert path.read_bytes() != before  # mid-point levels now


def test_tables_of_expressions_and_tolerances(ramp, tmp_path):
    path = tmp_path / "own.json"
    ramp("export", "--expr", "x * x", "--span", "0,2", "--bits", 3, "--tolerance", "4 uS", "--out", path)
    table = load_table(path)
    assert {row.tolerance_uS for found in table.ramps.values() for row in found.rows} == {4.0}
    assert json.loads(path.read_text())["schema"].startswith("memramp-ramp-table")


@pytest.mark.parametrize(
    ("name", "fragment"),
    [("ramp.txt", "must end in .csv or .json"), ("missing/ramp.csv", "no such folder"), ("d.csv", "is a folder")],
)
def test_tables_go_where_they_can(refused, tmp_path, name, fragment):
    (tmp_path / "d.csv").mkdir()
    assert fragment in refused("export", "tanh", "--bits", 3, "--out", tmp_path / name)


@pytest.fixture
def programmed(ramp, tmp_path):
    table = tmp_path / "table.csv"
    ramp("export", "sigmoid,tanh", "--bits", 5, "--spares", 2, "--out", table)
    return table


def test_round_trip_from_table_to_calibrated_ramp(command, programmed, tmp_path):
    table, readback = programmed, tmp_path / "measured.csv"
    device = resolve_device({"preset": PRESET, "prog_noise": {"sigma": "4 uS"}, "stuck_off_rate": 0.02})
    measured, passed = None, []
    for revision in range(1, 9):
        measured = simulate_readback(load_table(table), device, Streams(1), measured)
        write_readback(readback, measured.measured, force=True)
        updated = tmp_path / f"table{revision}.json"
        code, out, _ = command("ramp", "check", "--table", table, "--readback", readback, "--out", updated)
        passed.append("\npassed\n" in out)
        assert (code, "\nnot passed: " in out) == ((0, False) if passed[-1] else (1, True))
        assert load_table(updated).revision == revision
        if passed[-1]:
            assert not load_table(updated).to_write()
            break
        assert load_table(updated).to_write()
        table = updated
    assert passed[0] is False
    assert passed[-1] is True


def test_check_names_what_is_wrong_and_what_to_do(ramp, programmed, tmp_path):
    readback, plot = tmp_path / "measured.csv", tmp_path / "figure.png"
    table = load_table(programmed)
    exact = {name: np.array([row.target_uS for row in found.rows]) for name, found in table.ramps.items()}
    exact["tanh"][[3, 20]] = [0.0, exact["tanh"][20] - 12.0]
    write_readback(readback, exact)
    out = ramp("check", "--table", programmed, "--readback", readback, "--plot", plot, code=1)
    assert re.search(r"^sigmoid +0\.000 .* pass *$", out, re.MULTILINE)
    assert re.search(r"^tanh +[1-9]\.\d+ .* fail +0\.000$", out, re.MULTILINE)
    assert re.search(r"^seem stuck +row 3 *$", out, re.MULTILINE)
    assert re.search(r"^spares +row 35 for row 3 *$", out, re.MULTILINE)
    assert re.search(r"^write again +row 20 *$", out, re.MULTILINE)
    exact["tanh"][[4, 5]] = 0.0
    write_readback(readback, exact, force=True)
    out = ramp("check", "--table", programmed, "--readback", readback, code=1)
    assert re.search(r"^spares +row 35 for row [345], row 36 for row [345] *$", out, re.MULTILINE)
    assert re.search(r"^no spare left +for row [345] *$", out, re.MULTILINE)
    for name in ("sigmoid", "tanh"):
        assert (tmp_path / f"figure_{name}.png").read_bytes().startswith(b"\x89PNG")


def test_a_device_that_a_spare_replaced_seems_stuck_no_more(ramp, programmed, tmp_path):
    readback, updated = tmp_path / "measured.csv", tmp_path / "updated.csv"
    table = load_table(programmed)
    exact = {name: np.array([row.target_uS for row in found.rows]) for name, found in table.ramps.items()}
    exact["tanh"][[3, 36]] = [0.0, 150.0]  # a ramp device, and the second spare
    write_readback(readback, exact)
    out = ramp("check", "--table", programmed, "--readback", readback, "--out", updated, code=1)
    assert re.search(r"^seem stuck +row 3 *\nstuck spares +row 36 *$", out, re.MULTILINE)
    exact["tanh"][35] = load_table(updated).ramps["tanh"].rows[35].target_uS
    write_readback(readback, exact, force=True)
    out = ramp("check", "--table", updated, "--readback", readback)
    assert re.search(r"^replaced +row 3 *\nstuck spares +row 36 *$", out, re.MULTILINE)
    assert "seem stuck" not in out


def test_one_ramp_of_a_table_is_checked_alone(ramp, programmed, tmp_path):
    readback, plot = tmp_path / "measured.csv", tmp_path / "figure.png"
    targets = [row.target_uS for row in load_table(programmed).ramps["tanh"].rows]
    readback.write_text("row,measured_uS\n" + "".join(f"{row},{g}\n" for row, g in enumerate(targets)))
    out = ramp("check", "--table", programmed, "--ramp", "tanh", "--plot", plot, "--readback", readback)
    assert "sigmoid" not in out
    assert plot.exists()


@pytest.mark.parametrize(
    ("spoil", "fragment"),
    [
        (lambda text: text.replace("sigmoid,1,", "sigmoid,2,"), "line 3: row 1 of sigmoid is missing"),
        (lambda text: text.rsplit("\n", 2)[0] + "\n", "ends before row 36 of tanh"),
        (lambda text: text.replace(",", ";"), "found ';' between the columns"),
        (lambda text: text.replace("sigmoid", "sigmo", 1), "line 2: the table has no row 0 of sigmo"),
        (lambda text: re.sub(r"[\d.]+$", "nan", text, count=1, flags=re.MULTILINE), "measured_uS must be a finite"),
        (lambda text: re.sub(r",([\d.]+)$", r",\1e-6", text, flags=re.MULTILINE), "looks like siemens"),
    ],
)
def test_bad_readbacks_are_refused(refused, programmed, tmp_path, spoil, fragment):
    readback, out = tmp_path / "measured.csv", tmp_path / "updated.csv"
    measure(programmed, readback)
    readback.write_text(spoil(readback.read_text()))
    assert fragment in refused("check", "--table", programmed, "--readback", readback, "--out", out)


def test_changed_tables_and_old_files_are_refused(refused, programmed, tmp_path):
    readback, out = tmp_path / "measured.csv", tmp_path / "updated.csv"
    measure(programmed, readback)
    check = ("check", "--table", programmed, "--readback", readback)
    assert "name must end in" in refused(*check, "--out", tmp_path / "x.txt")
    assert "name must end in .png" in refused(*check, "--out", out, "--plot", tmp_path / "x.jpg")
    out.write_text("precious")
    assert "exists already" in refused(*check, "--out", out)
    assert "--inl-limit: expected a positive number of LSB, found -1" in refused(*check, "--inl-limit", -1)
    assert "--stuck-margin: expected a positive" in refused(*check, "--stuck-margin", "0 uS")
    half = "--stuck-margin: the stuck margin must be less than half the window of the ramp sigmoid, 0 to 150 uS"
    assert half in refused(*check, "--stuck-margin", "75 uS")
    other = ("simulate", "--table", programmed, "--device", "readc_taox", "--out", tmp_path / "other.csv")
    assert "--device: the ramp was designed for devices of 0..150 uS, found devices of 100..400 uS" in refused(*other)
    assert "no ramp 'elu'" in refused(*check, "--ramp", "elu")
    content = programmed.read_text()
    programmed.write_text(content.replace("150", "151", 1))
    assert "table.csv: was changed after it was written" in refused(*check)


# plot, netlist, yield, record


def test_figure_is_drawn(ramp, refused, tmp_path):
    path = tmp_path / "ramp.png"
    ramp("plot", "gelu", "--bits", 6, "--chips", 2, "--calibration", "two_point", "--out", path)
    assert path.read_bytes().startswith(b"\x89PNG")
    assert "exists already" in refused("plot", "gelu", "--bits", 6, "--out", path)
    assert "0 to 100" in refused("plot", "gelu", "--bits", 6, "--chips", 101, "--out", tmp_path / "x.png")
    ramp("plot", "tanh", "--bits", 3, "--chips", 0, "--force", "--out", path)


def test_deck_is_written(ramp, refused, tmp_path):
    path, other = tmp_path / "ramp.cir", tmp_path / "other.cir"
    ramp("netlist", "tanh", "--bits", 3, "--inputs", "-1,0,0.5", "--out", path)
    assert ".control" in path.read_text()
    ramp("netlist", "tanh", "--bits", 3, "--no-control", "--programmed", "--calibration", "two_point", "--out", other)
    assert ".control" not in other.read_text()
    assert "as programmed" in other.read_text()
    assert "--inputs" in refused("netlist", "tanh", "--bits", 3, "--inputs", "a", "--out", tmp_path / "x.cir")
    assert "finite" in refused("netlist", "tanh", "--bits", 3, "--inputs", "nan", "--out", tmp_path / "x.cir")
    low = ("netlist", "tanh", "--bits", 3, "--opamp-gain", 1, "--out", tmp_path / "x.cir")
    assert "--opamp-gain: expected 100 to 1e+12, found 1" in refused(*low)
    assert ".cir" in refused("netlist", "tanh", "--bits", 3, "--out", tmp_path / "x.txt")


def test_yield_of_a_sweep_is_a_table_and_a_file(ramp, tmp_path):
    path = tmp_path / "yield.csv"
    swept = ("--sigma", "0 uS,5 uS", "--stuck-off", "0,0.02", "--copies", "1,3", "--calibration", "none,one_point")
    out = ramp("yield", "tanh", "--bits", 4, *swept, "--inl-limit", 0.3, "--columns", 200, "--out", path)
    rows = rows_of(path)
    assert len(rows) == 16
    for row in rows:
        good, columns = int(row["good"]), int(row["columns"])
        assert float(row["yield"]) == pytest.approx(good / columns, abs=1e-6)
        assert float(row["yield_low"]) <= good / columns <= float(row["yield_high"])
        numbers = f"{float(row['sigma_uS']):g} +{float(row['stuck_off_rate']):g} +{row['copies']} +{row['calibration']}"
        assert re.search(rf"^ *{numbers} +[\d.]+ % ", out, re.MULTILINE)
    perfect = [row for row in rows if float(row["sigma_uS"]) == float(row["stuck_off_rate"]) == 0.0]
    assert {row["good"] for row in perfect} == {"200"}
    alone = tmp_path / "alone.csv"
    one = ("--sigma", "5 uS", "--stuck-off", 0, "--copies", 3, "--calibration", "one_point")
    ramp("yield", "tanh", "--bits", 4, *one, "--inl-limit", 0.3, "--columns", 200, "--out", alone)
    assert rows_of(alone)[0] in rows


def test_yield_without_a_sweep_is_that_of_the_preset(ramp, tmp_path):
    path = tmp_path / "yield.csv"
    out = ramp("yield", "gelu", "--bits", 5, "--columns", 50, "--spares", 1, "--remap", "--dnl-limit", 1, "--out", path)
    (row,) = rows_of(path)
    assert (row["sigma_uS"], row["calibration"], row["remap"], row["device"]) == ("2.67", "one_point", "1", PRESET)
    assert "programming noise 2.67 uS" in out


@pytest.mark.parametrize(
    ("option", "value", "fragment"),
    [
        ("--sigma", "1 uS,,2 uS", "--sigma"),
        ("--sigma", "1 uS,1 uS", "--sigma: expected different values, found 1.0 twice"),
        ("--stuck-off", "0,2", "--stuck-off: expected 0 to 1, found 2.0"),
        ("--copies", "1.5", "--copies: expected whole numbers"),
        ("--copies", "2,65", "--copies: expected 1 to 64, found 65"),
        ("--calibration", "one_point,best", "--calibration: expected none, ideal_bias, one_point or two_point, found"),
        ("--columns", "0", "--columns: expected 1 to 10000000, found 0"),
    ],
)
def test_sweeps_that_cannot_be_are_refused(refused, tmp_path, option, value, fragment):
    assert fragment in refused("yield", "tanh", "--bits", 4, "--out", tmp_path / "y.csv", option, value)


def test_interrupted_yield_writes_nothing(monkeypatch, command, tmp_path):
    def cut(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("memramp.peripherals.yields.program_columns", cut)
    code, _, err = command("ramp", "yield", "tanh", "--bits", 4, "--out", tmp_path / "y.csv")
    assert (code, err) == (130, "interrupted: nothing was written\n")
    assert not list(tmp_path.iterdir())


def test_pre_activations_are_recorded_for_the_placement_of_levels(ramp, refused, archive, checkpoint, tmp_path):
    path = tmp_path / "recording.json"
    task = ("--task", "speech_commands", "--root", archive, "--split", "validation")
    out = ramp("record", checkpoint, *task, "--out", path)
    assert list(load_recording(str(path)).functions) == ["sigmoid", "tanh"]
    assert out.count("pre-activations") == 2
    lo, hi = load_density(str(path), "tanh").span()
    assert f"from {lo:.3g} to {hi:.3g}" in out
    ramp("design", "tanh", "--bits", 3, "--levels", "lloyd_max", "--chips", 5, "--density", path)
    assert "holds no pre-activations of 'elu'" in refused("design", "elu", "--bits", 3, "--density", path)
    assert "exists already" in refused("record", checkpoint, *task, "--out", path)
    other = tmp_path / "other.json"
    assert "--task: expected 'demo_keywords' or" in refused("record", checkpoint, "--task", "digits", "--out", other)
    assert "--root: the folder" in refused("record", checkpoint, "--task", "speech_commands", "--out", other)
    assert "checkpoint 'nope'" in refused("record", "nope", "--out", other)


# weights


def test_weights_are_exported(command, checkpoint, tmp_path):
    path, other = tmp_path / "weights.csv", tmp_path / "weights.safetensors"
    export = ("export-weights", checkpoint, "--device", PRESET)
    code, out, err = command(*export, "--tolerance", "4 uS", "--out", path)
    assert (code, err) == (0, "")
    assert re.search(r"lstm, 53 rows x 48 columns, 5088 devices", out)
    table = load_weight_table(path)
    assert list(table.arrays) == ["lstm"]
    lstm = table.arrays["lstm"]
    weight_x = load_checkpoint(str(checkpoint)).lstm.weight_x
    found = (lstm.target["pos"] - lstm.target["neg"])[: len(weight_x)] / table.settings.crossbar.scale
    np.testing.assert_allclose(found, np.clip(weight_x, -2, 2), atol=1e-6)
    assert (lstm.tolerance["pos"] == 4.0).all()
    assert command(*export, "--readout", "analog", "--out", other)[0] == 0
    assert list(load_weight_table(other).arrays) == ["lstm", "dense"]


@pytest.mark.parametrize(
    ("changed", "fragment"),
    [
        ({"--out": "weights.xls"}, "must end in .csv or .safetensors"),
        ({"--device": "nope"}, "unknown device preset"),
        ({"--readout": "optical"}, "--readout: expected 'digital' or 'analog', found 'optical'"),
        ({"--w-clip": 0}, "--w-clip: expected 1e-06 to 1e+06, found 0"),
        ({"--w-clip": 4}, "--scale and --w-clip: crossbar: g_min + scale * w_clip is"),
        ({"--tolerance": "-1 uS"}, "--tolerance"),
        ({"--tolerance": "0 uS"}, "--tolerance: expected a positive number of uS, found 0"),
    ],
)
def test_weights_that_cannot_be_exported_are_refused(command, checkpoint, tmp_path, changed, fragment):
    options = {"--out": "weights.csv"} | changed
    options["--out"] = tmp_path / options["--out"]
    code, out, err = command("export-weights", checkpoint, *(part for pair in options.items() for part in pair))
    assert (code, out) == (2, "")
    assert fragment in err
    assert not list(tmp_path.iterdir())


def test_a_turn_that_was_not_declared_is_told_with_the_options_to_declare_it(capsys):
    options = ("ramp", "design", "--expr", "x**3 - x", "--span", "-2,2", "--bits", "4")
    assert main(list(options)) == 2
    asked = re.search(r"declare them with (--fold \S+ --fold \S+) or", capsys.readouterr().err)
    assert main([*options, *asked[1].split(), "--chips", "2"]) == 0


def test_a_device_may_be_described_by_a_file(ramp, tmp_path):
    own = tmp_path / "mine.yaml"
    own.write_text("g_min: 2 uS\ng_max: 120 uS\nprog_noise: {kind: constant, sigma: 4 uS}\n")
    assert "2 to 120 uS" in ramp("design", "tanh", "--bits", 3, "--device", own, "--chips", 2)


def test_one_function_under_two_names_is_refused(refused):
    assert "names the function identity twice" in refused("export", "linear,identity", "--bits", 3, "--out", "t.csv")


def test_one_limit_of_the_inl_is_the_default_everywhere(ramp):
    assert Limits().inl == RampExperimentConfig.model_fields["inl_limit"].default == INL_LIMIT
    assert signature(check_readback).parameters["inl_limit"].default == INL_LIMIT
    for command in ("design", "yield", "check"):
        assert re.search(rf"--inl-limit <?LSB>? .*\[default: +{INL_LIMIT}\]", " ".join(ramp(command, "--help").split()))


def test_what_a_command_reads_is_never_replaced_by_what_it_writes(ramp, refused, tmp_path):
    table, measured = tmp_path / "t.csv", tmp_path / "m.csv"
    ramp("export", "tanh", "--bits", 3, "--out", table)
    ramp("simulate", "--table", table, "--out", measured)
    before = table.read_bytes(), measured.read_bytes()
    for arguments in (
        ("simulate", "--table", table, "--out", table, "--force"),
        ("check", "--table", table, "--readback", measured, "--out", measured, "--force"),
    ):
        assert "is read by this command" in refused(*arguments)
    assert (table.read_bytes(), measured.read_bytes()) == before
