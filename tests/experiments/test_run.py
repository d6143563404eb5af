import csv
import json
from dataclasses import replace
from pathlib import Path

import numba
import numpy as np
import pytest

from memramp.errors import InputError
from memramp.experiments import Reporter, RunInterruptedError, load_experiment, run_experiment
from memramp.experiments.folders import make_folder
from memramp.models.checkpoint import load_checkpoint, save_checkpoint

FILES = {"results.csv", "summary.json", "manifest.json", "figures"}


def read_rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "results.csv").open(newline="") as file:
        return list(csv.DictReader(file))


quick = pytest.mark.usefixtures("without_figures")


@pytest.fixture
def run(write, tmp_path):
    def run_settings(settings, *overrides, out="out", report=None):
        run_experiment(load_experiment(write(settings), overrides), tmp_path / out, report)
        return tmp_path / out

    return run_settings


def test_run_leaves_results_summary_manifest_and_figures(run, settings, checkpoint):
    out = run(settings)
    rows = read_rows(out)
    assert [(row["condition"], row["chip"]) for row in rows] == [
        ("float", ""), ("ideal", ""), ("chip", "1"), ("chip", "2"),
    ]  # fmt: skip
    for row in rows:
        assert float(row["accuracy"]) == pytest.approx(100 * int(row["correct"]) / int(row["clips"]), abs=5e-5)
    assert float(rows[0]["accuracy"]) > 60.0  # chance: 8; the path from sound to class works

    summary = json.loads((out / "summary.json").read_text())["points"][0]
    chips = [float(row["accuracy"]) for row in rows[2:]]
    assert summary["chips"]["mean"] == pytest.approx(np.mean(chips), abs=1e-3)
    assert summary["chips"]["sd"] == pytest.approx(np.std(chips, ddof=1), abs=1e-3)
    counts = np.array(summary["confusion"]["true_by_found"])
    assert counts.shape == (12, 12)
    assert counts.sum() == 2 * int(rows[0]["clips"])
    assert np.trace(counts) == sum(int(row["correct"]) for row in rows[2:])

    manifest = json.loads((out / "manifest.json").read_text())
    assert (manifest["status"], manifest["rows"], manifest["seed"]) == ("complete", 4, 3)
    assert manifest["checkpoints"] == [{"name": str(checkpoint), "sha256": load_checkpoint(str(checkpoint)).digest}]
    assert len(manifest["data"][0]["sha256"]) == 64
    assert manifest["points"][0]["config"]["device"]["prog_noise"] == {"kind": "constant", "sigma": 5.0}
    assert {path.name for path in out.iterdir()} == FILES
    figures = {path.name: path.read_bytes() for path in (out / "figures").iterdir()}
    assert sorted(figures) == ["accuracy.png", "confusion.png", "ramps.png"]
    assert all(content.startswith(b"\x89PNG") for content in figures.values())


@quick
def test_a_float_twin_changes_the_float_row_alone(run, settings, checkpoint, tmp_path):
    twin = load_checkpoint(str(checkpoint))
    zeros = {"dense.weight": np.zeros_like(twin.tensors["dense.weight"])}  # always the same class
    save_checkpoint(replace(twin, tensors=twin.tensors | zeros), tmp_path / "twin.safetensors")
    before, after = read_rows(run(settings)), read_rows(
        run(settings, f"model.float_checkpoint={tmp_path / 'twin.safetensors'}", out="twin")
    )
    assert float(after[0]["accuracy"]) < 20.0 < float(before[0]["accuracy"])
    assert after[1:] == before[1:]
    manifest = json.loads((tmp_path / "twin" / "manifest.json").read_text())
    assert len(manifest["checkpoints"]) == 2


@quick
def test_same_seed_gives_the_same_bytes_for_any_number_of_threads(run, settings):
    contents, before = [], numba.get_num_threads()
    for number, threads in enumerate((1, before, 1)):
        numba.set_num_threads(threads)
        try:
            contents.append((run(settings, out=f"out{number}") / "results.csv").read_bytes())
        finally:
            numba.set_num_threads(before)
    assert contents[0] == contents[1] == contents[2]


@quick
def test_another_seed_programs_other_chips(run, settings):
    harsh = settings | {"chips": 4, "device": {"preset": "yang2025_150us", "prog_noise": {"sigma": 25}}}
    first, other = (read_rows(run(harsh, f"seed={seed}", out=f"out{seed}")) for seed in (1, 2))
    assert first[:2] == other[:2]  # float and ideal know no seed
    assert [row["correct"] for row in first[2:]] != [row["correct"] for row in other[2:]]


@quick
def test_sweep_has_all_rows_at_every_point(run, settings):
    out = run(settings | {"sweep": {"over": {"device.prog_noise.sigma": ["0 uS", 20], "activation.bits": [3, 5]}}})
    rows = read_rows(out)
    assert len(rows) == 4 * 4
    assert [row["device.prog_noise.sigma"] for row in rows] == ["0 uS"] * 8 + ["20"] * 8
    assert [row["activation.bits"] for row in rows] == (["3"] * 4 + ["5"] * 4) * 2
    assert len({row["accuracy"] for row in rows if row["condition"] == "float"}) == 1
    ideal = [row["correct"] for row in rows if row["condition"] == "ideal"]
    assert ideal[:2] == ideal[2:]  # programming noise is no part of it
    assert len(json.loads((out / "summary.json").read_text())["points"]) == 4


@quick
def test_points_of_a_sweep_are_the_runs_of_their_own(run, settings):
    swept = read_rows(run(settings, "sweep.over.activation.bits=[3, 5]", out="sweep"))
    for bits in ("3", "5"):
        alone = read_rows(run(settings, f"activation.bits={bits}", out=f"alone{bits}"))
        here = [row for row in swept if row["activation.bits"] == bits]
        assert [row["correct"] for row in here] == [row["correct"] for row in alone]


@quick
def test_points_are_compared_under_the_same_draws(run, settings):
    # The two points differ in nothing that a chip feels, so each chip must be the same at both.
    rows = read_rows(run(settings, "sweep.over.device.prog_noise.sigma=[8, 8 uS]"))
    assert [row["correct"] for row in rows[:4]] == [row["correct"] for row in rows[4:]]


@quick
def test_more_chips_leave_the_first_as_they_were(run, settings):
    few, many = (read_rows(run(settings, f"chips={n}", out=f"chips{n}")) for n in (1, 3))
    assert many[: len(few)] == few


def test_analog_readout_and_uniform_adc_run(run, settings):
    out = run(settings, "model.readout=analog", "model.tanh_c=nladc", "activation.kind=uniform_adc")
    assert float(read_rows(out)[1]["accuracy"]) > 40.0
    assert sorted(path.name for path in (out / "figures").iterdir()) == ["accuracy.png", "confusion.png"]


class Cut(Reporter):
    def __init__(self, after: int) -> None:
        self.left = after

    def row(self, _) -> None:
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


@pytest.mark.parametrize("after", [1, 5, 7])
def test_a_run_that_is_cut_keeps_its_rows_and_says_so(run, settings, tmp_path, after):
    swept = settings | {"sweep": {"over": {"activation.bits": [3, 4]}}}
    whole = (run(swept, out="whole") / "results.csv").read_text().splitlines()
    with pytest.raises(RunInterruptedError, match=f"interrupted: {after} of 8 rows are kept in .*results.csv"):
        run(swept, report=Cut(after))
    assert (tmp_path / "out" / "results.csv").read_text().splitlines() == whole[: after + 1]
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert (manifest["status"], manifest["rows"]) == ("interrupted", after)
    assert (tmp_path / "out" / "summary.json").exists() == (after > 2)


@quick
def test_manifest_says_running_meanwhile(run, settings, tmp_path):
    seen = []

    class Looking(Reporter):
        def row(self, _) -> None:
            seen.append(json.loads((tmp_path / "out" / "manifest.json").read_text())["status"])

    run(settings, report=Looking())
    assert set(seen) == {"running"}


@quick
def test_second_run_into_a_folder_is_refused_and_nothing_changes(run, settings):
    out = run(settings)
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    with pytest.raises(InputError, match="not empty"):
        run(settings)
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before


def test_a_fault_of_the_last_point_is_told_before_anything_is_run(run, settings, tmp_path):
    taox = settings | {"device": {"preset": "readc_taox"}, "crossbar": {"scale": 100}}
    with pytest.raises(InputError, match=r"point 2 \(activation.bits=6\): .*at most 4 bits$"):
        run(taox, "sweep.over.activation.bits=[4, 6]")
    assert not (tmp_path / "out").exists()


def test_runs_without_a_folder_are_numbered(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert make_folder(None, "x") == Path("runs/x-001")
    assert make_folder(None, "x") == Path("runs/x-002")
    assert make_folder(None, "x.y") == Path("runs/x.y-001")


def test_hidden_files_do_not_make_a_folder_occupied(tmp_path):
    (tmp_path / ".gitignore").touch()
    assert make_folder(tmp_path, "x") == tmp_path
