"""The tutorial of docs/import.md, as it stands there."""

import re
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs memramp[train]")

PAGE = Path(__file__).resolve().parents[2] / "docs" / "import.md"


def test_ten_lines_lead_from_a_stock_network_to_an_analog_result(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    exec(compile(code, str(PAGE), "exec"), {})
    shown = capsys.readouterr().out
    found = re.fullmatch(r"([\d.]+) % as in floating point, ([\d.]+) nJ a sequence\n", shown)
    same, energy = map(float, found.groups())
    assert 50.0 < same <= 100.0  # chance: 25
    assert 0.1 < energy < 100.0
