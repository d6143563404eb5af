"""The tables of docs/ramps.md are those that the package computes."""

from pathlib import Path

import pytest

from tools import ramp_tables

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "ramps.md").read_text().splitlines()


@pytest.mark.parametrize(("function", "bits"), [("sigmoid", 3), ("tanh", 5)])
def test_errors_of_the_placements_are_those_of_the_page(function, bits):
    assert ramp_tables.error_row(function, bits) in PAGE


@pytest.mark.parametrize("entry", ramp_tables.CALIBRATIONS[:2] + ramp_tables.CALIBRATIONS[-2:], ids=lambda row: row[0])
def test_calibrations_are_those_of_the_page(entry):
    assert ramp_tables.calibration_row(*entry, ramp_tables.COLUMNS) in PAGE


def test_the_page_has_a_row_for_each_that_the_tool_prints(monkeypatch):
    monkeypatch.setattr(ramp_tables, "error_row", lambda function, bits: f"| {function} | {bits} |")
    for row in ramp_tables.rows(columns=2):
        head = row.split(" | ")[0] if row.count("|") == 6 else row
        assert any(line.startswith(head) for line in PAGE), head
