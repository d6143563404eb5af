import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
import yaml

from memramp.errors import InputError
from memramp.experiments import RunInterruptedError, load_experiment, loading
from memramp.experiments.kinds import load_any
from memramp.experiments.ramp_loading import load_ramp_experiment
from memramp.experiments.ramp_runner import RampReporter, evaluate, run_ramp_experiment

BASE = {
    "memramp": 1,
    "experiment": "ramp",
    "name": "columns",
    "seed": 5,
    "functions": ["sigmoid"],
    "bits": 4,
    "levels": "paper",
    "device": {"preset": "yang2025_150us", "prog_noise": {"sigma": "5 uS"}},
    "blocks": [
        {"name": "clean", "columns": 3},
        {"name": "damaged", "columns": 4, "prog_noise": {"sigma": "10 uS"}, "stuck_off_rate": 0.1},
    ],
    "calibrations": ["one_point", "two_point", {"kind": "one_point", "copies": 3}],
    "v_read": {"values": ["0.15 V", "0.17 V", "0.2 V", "0.22 V", "0.25 V"], "points": 301},
    "inl_limit": 0.5,
}
SAME_BYTES = ("results.csv", "thresholds.csv", "v_read.csv", "summary.json")


@pytest.fixture
def load(write):
    def load_settings(*overrides: str, **changes):
        return load_ramp_experiment(write(BASE | changes), overrides)

    return load_settings


quick = pytest.mark.usefixtures("without_figures")


@pytest.fixture
def run(load, tmp_path):
    def run_settings(*overrides: str, out: str = "out", report: RampReporter | None = None, **changes) -> Path:
        run_ramp_experiment(load(*overrides, **changes), tmp_path / out, report)
        return tmp_path / out

    return run_settings


def table(folder: Path, name: str = "results.csv") -> list[dict[str, str]]:
    with (folder / name).open(newline="") as file:
        return list(csv.DictReader(file))


def of(rows, **wanted):
    return [row for row in rows if all(row[key] == value for key, value in wanted.items())]


def test_run_leaves_tables_summary_manifest_and_figures(run):
    out = run()
    assert {path.name for path in out.iterdir()} == {*SAME_BYTES, "manifest.json", "figures"}
    figures = {path.name: path.read_bytes() for path in (out / "figures").iterdir()}
    assert sorted(figures) == [f"{kind}_sigmoid.png" for kind in ("blocks", "calibrations", "ramps", "v_read")]
    assert all(content.startswith(b"\x89PNG") for content in figures.values())
    rows = table(out)
    assert len(rows) == 1 + 7 * 4
    manifest = json.loads((out / "manifest.json").read_text())
    assert (manifest["status"], manifest["rows"], manifest["seed"], manifest["experiment"]) == (
        "complete", len(rows), 5, "ramp",
    )  # fmt: skip
    assert len(manifest["ramps"][0]["sha256"]) == 64
    assert manifest["blocks"][1]["device"]["prog_noise"] == {"kind": "constant", "sigma": 10.0}
    assert manifest["config"]["device"]["g_max"] == 150.0
    assert "numpy" in manifest["versions"]


@quick
def test_summary_is_made_of_the_rows(run):
    out = run()
    rows, summary = table(out), json.loads((out / "summary.json").read_text())
    (function,) = summary["functions"]
    assert sum(entry["columns"] for entry in function["columns"]) == len(rows)
    for entry in function["columns"]:
        here = of(rows, block=entry["block"], calibration=entry["calibration"])
        assert len(here) == entry["columns"]
        mean, largest = (np.array([float(row[f"{key}_abs_inl_lsb"]) for row in here]) for key in ("mean", "max"))
        assert entry["mean_abs_inl_lsb"] == pytest.approx(mean.mean(), abs=2e-6)
        assert entry["max_abs_inl_lsb"] == pytest.approx({"mean": largest.mean(), "worst": largest.max()}, abs=2e-6)
        assert entry["columns_within_limit"] == {
            "mean_abs_inl": int(np.sum(mean <= 0.5)), "max_abs_inl": int(np.sum(largest <= 0.5)),
        }  # fmt: skip
        assert entry["missing_codes"] == sum(int(row["missing_codes"]) for row in here)
        assert entry["stuck_devices"]["ramp"] == sum(int(row["stuck_ramp_devices"]) for row in here)
    for entry, row in zip(function["v_read"], table(out, "v_read.csv"), strict=True):
        mean = int(row["sum_abs_error_lsb"]) / int(row["inputs"])
        assert entry["mean_abs_error_lsb"] == pytest.approx(mean, abs=1e-6)
        assert entry["changed_codes"] == int(row["changed_codes"])


@quick
def test_rows_are_made_of_the_thresholds(run):
    out = run()
    transitions = table(out, "thresholds.csv")
    assert len(transitions) == 15 * len(table(out))
    for row in table(out):
        key = {name: row[name] for name in ("function", "block", "column", "calibration")}
        inl = np.array([abs(float(each["inl_lsb"])) for each in of(transitions, **key)])
        assert float(row["mean_abs_inl_lsb"]) == pytest.approx(inl.mean(), abs=1e-7)
        assert float(row["max_abs_inl_lsb"]) == pytest.approx(inl.max(), abs=1e-7)
        steps = np.diff([float(each["threshold"]) for each in of(transitions, **key)])
        assert int(row["missing_codes"]) == np.count_nonzero(steps <= 1e-7)


def test_ideal_ramp_has_no_inl_and_calibration_makes_mid_scale_exact(load):
    rows = list(evaluate(load(functions=["sigmoid", "tanh"])))
    assert [row.max_inl for row in rows if row.block == "ideal"] == [0.0, 0.0]
    before = [row.mid_scale_error for row in rows if row.calibration == "none" and row.block != "ideal"]
    one_point = [row.mid_scale_error for row in rows if row.calibration in ("one_point", "one_point_copies3")]
    assert len(before) == 14
    assert all(error != 0.0 for error in before)
    assert one_point == [0.0] * 28


def test_calibrations_are_compared_on_the_same_devices(load):
    rows = [row for row in evaluate(load()) if row.block == "damaged"]
    for column in range(1, 5):
        before, one, two, copies = (row for row in rows if row.column == column)
        for row in (one, two):
            np.testing.assert_array_equal(row.ramp.g_steps, before.ramp.g_steps)
            np.testing.assert_array_equal(row.ramp.uncalibrated, before.thresholds)
        np.testing.assert_array_equal(copies.ramp.uncalibrated, before.thresholds)  # the first copy
        assert copies.max_inl <= one.max_inl or one.ramp.bias_overflow > 0.0  # such a copy is passed over
        assert (copies.devices, before.devices) == (3 * 20, 20)


def test_calibration_recovers_both_blocks(load):
    # The design of the comparison: one-point calibration takes the common shift away, whatever made it.
    blocks = [{"name": "clean", "columns": 50}, BASE["blocks"][1] | {"columns": 50}]
    rows = list(evaluate(load(blocks=blocks, seed=1)))
    for block in ("clean", "damaged"):
        before, after = (
            np.mean([row.mean_inl for row in rows if (row.block, row.calibration) == (block, name)])
            for name in ("none", "one_point")
        )
        # Errors then add up from mid-scale on, and those of the bias are gone: 0.5 (clean), 0.3 (damaged) for any seed.
        assert after < 0.6 * before


def test_more_columns_and_blocks_leave_the_others_as_they_were(load):
    few = list(evaluate(load(blocks=[{"name": "clean", "columns": 2}])))
    many = list(evaluate(load(blocks=[{"name": "other", "columns": 1}, {"name": "clean", "columns": 5}])))
    for row in few:
        (same,) = [
            each
            for each in many
            if (each.block, each.column, each.calibration) == (row.block, row.column, row.calibration)
        ]
        np.testing.assert_array_equal(same.thresholds, row.thresholds)


@quick
def test_codes_stay_put_where_the_ramp_follows_v_read_and_drift_where_the_reference_is_fixed(run):
    rows = table(run("v_read.points=2001", functions=["sigmoid", "tanh"]), "v_read.csv")
    assert len(rows) == 2 * 3 * 2 * 5
    for row in of(rows, reference="tracking"):
        assert (row["sum_abs_error_lsb"], row["max_abs_error_lsb"], row["changed_codes"]) == ("0", "0", "0")
    for function in ("sigmoid", "tanh"):
        for block in ("ideal", "clean", "damaged"):
            line = of(rows, function=function, block=block, reference="fixed")
            drift = {row["v_read_v"]: int(row["sum_abs_error_lsb"]) for row in line}
            assert drift["0.15"] > drift["0.17"] > drift["0.2"] == 0 < drift["0.22"] < drift["0.25"]
            assert len({row["inputs"] for row in line}) == 1


@quick
def test_same_seed_gives_the_same_bytes_and_another_seed_others(run):
    first, again, other = run(out="a"), run(out="b"), run("seed=6", out="c")
    for name in SAME_BYTES:
        assert (first / name).read_bytes() == (again / name).read_bytes()
    assert (first / "results.csv").read_bytes() != (other / "results.csv").read_bytes()


@quick
def test_resolved_configuration_makes_the_same_run_again(run, tmp_path):
    first = run()
    config = json.loads((first / "manifest.json").read_text())["config"]
    (tmp_path / "again.yaml").write_text(yaml.safe_dump(config))
    run_ramp_experiment(load_ramp_experiment(tmp_path / "again.yaml"), tmp_path / "again")
    for name in SAME_BYTES:
        assert (first / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


@quick
def test_functions_that_turn_and_levels_from_data_run(run):
    gelu = table(run(functions=["gelu"], levels="midpoint", out="gelu"))
    assert float(gelu[0]["max_abs_inl_lsb"]) == 0.0
    made = {"functions": [{"expression": "x / (1 + abs(x))", "span": [-3, 3]}], "density": "normal:0,1"}
    assert len(table(run(levels="lloyd_max", out="expression", **made))) == 29
    assert len(table(run("v_read=null", out="no_v_read"))) == 29


def test_figures_tell_the_devices_of_each_block(run, monkeypatch):
    titles = []
    monkeypatch.setattr("memramp.experiments.ramp_figures.to_png", lambda figure: titles.append(figure.get_suptitle()))
    monkeypatch.setattr("memramp.experiments.ramp_runner.write_atomically", lambda *_: None)
    run()
    said = "0 to 150 uS; clean: programming noise 5 uS; damaged: programming noise 10 uS, 10 % stuck off"
    assert [title.splitlines()[1] for title in titles] == [said] * 4


def test_files_of_odd_functions_have_plain_names(run, monkeypatch):
    monkeypatch.setattr("memramp.experiments.ramp_figures.to_png", lambda _: b"")  # drawn elsewhere
    odd = [{"expression": "tanh(x / 2)", "span": [-3, 3]}, {"expression": "tanh(x * 2)", "span": [-3, 3]}]
    out = run(functions=odd, levels="midpoint", blocks=[{"name": "one", "columns": 1}], calibrations=["one_point"])
    names = sorted(path.name for path in (out / "figures").iterdir())
    assert len(names) == 8
    assert all(re.fullmatch(r"[a-z_]+_[A-Za-z0-9_]+\.png", name) for name in names)


def test_spares_and_bias_devices_belong_to_a_calibration(load):
    entries = [{"remap": True, "spares": 2}, {"bias_devices": 6}]
    rows = [row for row in evaluate(load(calibrations=entries)) if row.column == 1]
    assert [row.calibration for row in rows[:3]] == ["none", "one_point_spares2", "one_point_bias6"]
    assert [row.devices for row in rows[:3]] == [20, 22, 22]
    np.testing.assert_array_equal(rows[2].ramp.g_steps, rows[0].ramp.g_steps)


class Cut(RampReporter):
    def __init__(self, after: int) -> None:
        self.left = after

    def row(self, _) -> None:
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


@quick
def test_a_run_that_is_cut_keeps_its_rows_and_says_so(run, tmp_path):
    whole = (run(out="whole") / "results.csv").read_text().splitlines()
    with pytest.raises(RunInterruptedError, match=r"interrupted: 5 of 29 rows are kept in .*results.csv"):
        run(report=Cut(5))
    assert (tmp_path / "out" / "results.csv").read_text().splitlines() == whole[:6]
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert (manifest["status"], manifest["rows"]) == ("interrupted", 5)
    assert not (tmp_path / "out" / "summary.json").exists()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"sweep": {"over": {"bits": [3, 4]}}}, "found 'sweep', which a ramp experiment does not have"),
        ({"chips": 3}, "unknown key 'chips'"),
        ({"functions": []}, "'functions'"),
        ({"functions": ["sigmoid", "sigmoid"]}, "'functions' has sigmoid twice"),
        ({"functions": ["sine"]}, "'sine'"),
        ({"levels": "lloyd_max"}, "density"),
        ({"levels": "paper", "functions": ["gelu"]}, "rise throughout"),
        ({"device": {"preset": "nope"}}, "unknown device preset 'nope'"),
        ({"blocks": [{"name": "a"}, {"name": "a"}]}, "two blocks of the name 'a'"),
        ({"blocks": [{"name": "ideal"}]}, "a block of the name 'ideal'"),
        ({"blocks": [{"name": "a b"}]}, "'blocks.0.name'"),
        ({"blocks": [{"name": "a", "g_max": 3}]}, "unknown key 'blocks.0.g_max'"),
        ({"blocks": [{"name": "a", "columns": 0}]}, "'blocks.0.columns'"),
        ({"blocks": [{"name": "a", "prog_noise": {"half_width": 3}}]}, "block 'a'"),
        ({"blocks": [{"name": "a", "prog_noise": {"sigma": "5 V"}}]}, "5 V"),
        ({"blocks": [{"name": "a", "stuck_off_rate": 0.7, "stuck_on_rate": 0.7}]}, "block 'a'"),
        ({"calibrations": ["none"]}, "leave it out"),
        ({"calibrations": ["one_point", "one_point"]}, "two calibrations of the name 'one_point'"),
        ({"calibrations": [{"remap": True}]}, "'remap: true' and 'spares' belong together"),
        ({"calibrations": [{"spares": 2}]}, "'remap: true' and 'spares' belong together"),
        ({"calibrations": [{"bias_devices": 1}]}, "1 bias devices cannot hold"),
        ({"realisation": {"spares": 2}}, "realisation.spares"),
        ({"v_read": {"values": ["0.2 V", "0.15 V"]}}, "must ascend, found 0.2 V before 0.15 V"),
        ({"v_read": {"values": ["0 V"]}}, "'v_read.values.0'"),
        ({"v_read": {"values": ["0.2 A"]}}, "expected the unit V"),
        ({"inl_limit": 0}, "'inl_limit'"),
        ({"experiment": "ramps"}, "'experiment' is 'ramps', allowed: network, ramp"),
    ],
)
def test_faulty_files_are_refused_in_one_sentence_and_nothing_is_written(write, command, tmp_path, changes, expected):
    code, out, err = command("run", write(BASE | changes), "--out", tmp_path / "out")
    assert (code, out) == (2, "")
    assert re.fullmatch(r"error: [^\n]+\n", err), err
    assert "experiment.yaml" in err
    assert expected in err
    assert not (tmp_path / "out").exists()


@quick
def test_command_shows_the_tables_in_80_columns(write, command, tmp_path):
    arguments = ("run", write(BASE), "--set", "bits=5", "--out", tmp_path / "out")
    code, out, err = command(*arguments)
    assert (code, err) == (0, "")
    assert max(map(len, out.splitlines()[:-1])) <= 80
    rows = table(tmp_path / "out")
    worst = max(float(row["max_abs_inl_lsb"]) for row in of(rows, block="damaged", calibration="none"))
    assert re.search(rf"^damaged +none +[\d.]+ +{worst:.2f} ", out, re.MULTILINE)
    fixed = of(table(tmp_path / "out", "v_read.csv"), block="ideal", reference="fixed")[0]
    assert f"{float(fixed['mean_abs_error_lsb']):.2f}, {fixed['max_abs_error_lsb']}" in out
    assert "\x1b" not in out
    code, out, err = command(*arguments)
    assert code == 2
    assert "not empty" in err


def test_the_kinds_are_told_apart(write, settings):
    ramp, network = write(BASE, "ramp.yaml"), write(settings, "network.yaml")
    assert load_any(ramp).config.experiment == "ramp"
    assert load_any(network).config.experiment == "network"
    with pytest.raises(InputError, match=r"'experiment' is 'ramp', this needs an experiment with a network"):
        load_experiment(ramp)
    with pytest.raises(InputError, match=r"'experiment' is 'network', this needs 'experiment: ramp'"):
        load_ramp_experiment(network)


@pytest.mark.parametrize("kind", ["ramp", "network"])
def test_a_file_is_read_once(write, settings, monkeypatch, kind):
    reads = []
    read = loading.read_yaml
    monkeypatch.setattr(loading, "read_yaml", lambda path: reads.append(path) or read(path))
    path = write(BASE if kind == "ramp" else settings)
    load_any(path)
    assert reads == [Path(path)]


def test_the_shipped_experiment_tells_the_story_of_the_figure():
    experiment = load_any("ramp_calibration")
    assert [part.function.name for part in experiment.sets] == ["sigmoid", "tanh"]
    for part in experiment.sets:
        assert (part.design.g_steps.size, part.design.g_bias.size) == (32, 5)
    assert [(block.name, block.columns) for block, _ in experiment.blocks] == [("clean", 8), ("damaged", 8)]
    assert (experiment.config.v_read.values[0], experiment.config.v_read.values[-1]) == (0.15, 0.25)
    rows = list(evaluate(experiment))
    for block in ("clean", "damaged"):
        before, after = (
            np.mean([row.mean_inl for row in rows if (row.block, row.calibration) == (block, name)])
            for name in ("none", "one_point")
        )
        assert after < 0.8 * before  # 0.6 for many columns; these are 16, in which it varies by about a tenth


def test_offsets_of_comparators_do_not_follow_the_read_voltage(run):
    def changed(offset, out):
        rows = table(run(f"v_read.offset_std={offset}", out=out), "v_read.csv")
        return {row["v_read_v"]: int(row["changed_codes"]) for row in of(rows, block="ideal", reference="tracking")}

    still, moving = changed("0 V", "without"), changed("5 mV", "with")
    assert set(still.values()) == {0}
    assert moving["0.15"] > moving["0.17"] > moving["0.2"] == 0
