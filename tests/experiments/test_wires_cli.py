"""memramp wires: maps of IR drop, exact currents of measured arrays, one sentence for each mistake."""

import numpy as np
import pytest

from memramp.crossbar.wires import WireConfig, solve
from memramp.experiments.cli import main


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "g.csv").write_text("# uS\n100,50,0\n25,75,300\n")
    (tmp_path / "v.csv").write_text("0.2,0.2\n\n0.2,-0.1\n")
    return tmp_path


def test_currents_are_those_of_the_exact_solution(folder):
    command = ["wires", "solve", "--conductances", "g.csv", "--voltages", "v.csv", "--out", "i.csv"]
    assert main([*command, "--r-row", "10", "--r-col", "20 ohm", "--r-source", "5", "--drive", "both"]) == 0
    g, v = np.array([[100.0, 50.0, 0.0], [25.0, 75.0, 300.0]]), np.array([[0.2, 0.2], [0.2, -0.1]])
    wires = WireConfig(r_row=10.0, r_col=20.0, r_source=5.0, drive="both")
    found = np.loadtxt(folder / "i.csv", delimiter=",")
    np.testing.assert_array_equal(found, solve(g, wires, v).currents)


def test_a_map_is_drawn_and_says_what_columns_lose(folder, capsys):
    assert main(["wires", "map", "--size", "8x6", "--r-access", "1 kohm", "--out", "ir.png"]) == 0
    assert (folder / "ir.png").read_bytes().startswith(b"\x89PNG")
    assert "below those of perfect wires" in capsys.readouterr().out


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("access", [[], ["--r-access", "1 kohm"]])
def test_wires_without_resistance_lose_nothing_whatever_the_transistor(capsys, access):
    command = ["wires", "map", "--size", "16x6", "--r-row", "0", "--r-col", "0", *access, "--out", "ir.png"]
    assert main(command) == 0
    assert "are 0 to 0 % below those of perfect wires" in capsys.readouterr().out


@pytest.mark.usefixtures("folder")
def test_losses_are_those_of_the_exact_solution_beside_the_same_transistors(capsys):
    assert main(["wires", "map", "--size", "16x6", "--r-access", "1 kohm", "--g-on", "100 uS", "--out", "ir.png"]) == 0
    wires, perfect = WireConfig(r_row=1.0, r_col=1.0, cell="1T1R", r_access=1e3), 16 * 100.0 / 1.1  # uA at 1 V
    lost = 100.0 * (1.0 - solve(np.full((16, 6), 100.0), wires, np.ones(16)).currents[0] / perfect)
    assert f"are {lost.min():.3g} to {lost.max():.3g} % below" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["map", "--size", "8"], "--size: expected two whole numbers such as 128x64, found '8'"),
        (["map", "--size", "8x8", "--r-row", "-1"], "--r-row: expected 0 to 1e+09, found '-1'"),
        (["map", "--size", "8x8", "--r-col", "1 V"], "--r-col: expected the unit ohm, found '1 V' in V"),
        (["map", "--size", "8x8", "--sense", "left"], "--sense: expected 'bottom', 'top' or 'both', found 'left'"),
        (["map", "--size", "900000x900000"], "GB of memory, available"),
        (["map", "--size", "8x8", "--g-on", "-5 uS"], "--g-on: expected 0 to 1e+06 uS"),
    ],
)
def test_mistakes_are_told_in_one_sentence(folder, capsys, command, message):
    assert main(["wires", *command, "--out", "ir.png"]) == 2
    told = capsys.readouterr().err
    assert message in told
    assert told.count("\n") == 1
    assert not (folder / "ir.png").exists()


@pytest.mark.parametrize(
    ("g", "v", "message"),
    [
        ("1,2\n3\n", "0.2,0.2\n", "g.csv, line 2: expected 2 numbers as in the lines before, found 1"),
        ("1,nan\n", "0.2\n", "g.csv, line 1: cell must be a finite number"),
        ("1,-2\n", "0.2\n", "conductance"),
        ("1,2\n", "0.2,0.1\n", "v.csv: an input has a voltage for each of the 1 word lines of g.csv, found 2"),
        ("", "0.2\n", "g.csv: expected lines of numbers, found none"),
    ],
)
def test_files_that_make_no_array_are_refused(folder, capsys, g, v, message):
    (folder / "g.csv").write_text(g)
    (folder / "v.csv").write_text(v)
    assert main(["wires", "solve", "--conductances", "g.csv", "--voltages", "v.csv", "--out", "i.csv"]) == 2
    assert message in capsys.readouterr().err
    assert not (folder / "i.csv").exists()
