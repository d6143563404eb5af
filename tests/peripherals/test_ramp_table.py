import csv

import numpy as np
import pytest

from memramp.devices import load_preset
from memramp.errors import InputError
from memramp.peripherals import design_ramp, ramp_table, write_ramp_table

DESIGN = design_ramp("sigmoid", 5, "paper", load_preset("yang2025_150us"))


def read(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_table_has_each_device_of_the_column_once_and_walks_along_the_ramp():
    rows = ramp_table(DESIGN)
    assert [row.row for row in rows] == list(range(37))
    assert [row.role for row in rows] == ["ramp"] * 32 + ["bias"] * 5
    value = -sum(row.target_uS for row in rows if row.role == "bias") * DESIGN.v_per_us
    assert rows[-1].threshold == pytest.approx(value)
    assert rows[-1].level == pytest.approx(1 / 34)
    for k, row in enumerate(rows[:32]):
        value += row.target_uS * DESIGN.v_per_us
        assert row.threshold == pytest.approx(value, abs=1e-12)
        assert row.level == pytest.approx((k + 2) / 34)


def test_written_table_reads_back_to_twelve_digits(tmp_path):
    write_ramp_table(tmp_path / "ramp.csv", DESIGN)
    rows = read(tmp_path / "ramp.csv")
    assert list(rows[0]) == ["row", "role", "target_uS", "threshold", "level"]
    targets = [float(row["target_uS"]) for row in rows]
    np.testing.assert_allclose(targets, np.concatenate([DESIGN.g_steps, DESIGN.g_bias]), rtol=1e-11)
    assert [entry.name for entry in tmp_path.iterdir()] == ["ramp.csv"]  # no draft is left


def test_an_existing_file_is_kept_unless_forced(tmp_path):
    path = tmp_path / "ramp.csv"
    path.write_text("mine")
    with pytest.raises(InputError, match=r"ramp.csv: the file exists"):
        write_ramp_table(path, DESIGN)
    assert path.read_text() == "mine"
    write_ramp_table(path, DESIGN, force=True)
    assert len(read(path)) == 37


def test_a_folder_that_does_not_exist_is_told(tmp_path):
    with pytest.raises(InputError, match="no such file or directory"):
        write_ramp_table(tmp_path / "missing" / "ramp.csv", DESIGN)


def test_a_folder_in_the_place_of_the_file_is_told_and_nothing_is_left(tmp_path):
    (tmp_path / "ramp.csv").mkdir()
    with pytest.raises(InputError, match=r"ramp.csv: is a directory"):
        write_ramp_table(tmp_path / "ramp.csv", DESIGN, force=True)
    assert [entry.name for entry in tmp_path.iterdir()] == ["ramp.csv"]
