"""The tutorial of docs/import.md, as it stands there."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from memramp.experiments.cli import main

torch = pytest.importorskip("torch", reason="needs memramp[train]")

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


def test_a_stock_network_runs_on_data_of_ones_own(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    stock = torch.nn.ModuleDict({"lstm": torch.nn.LSTM(8, 32), "head": torch.nn.Linear(32, 4)})
    torch.save(stock.state_dict(), "stock.pt")
    rng = np.random.default_rng(0)
    np.savez("data.npz", features=rng.uniform(-1.0, 1.0, (20, 5, 8)), labels=rng.integers(0, 4, 20))
    page = PAGE.read_text()
    (Path("own.yaml")).write_text(re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)[-1])
    lines = re.findall(r"^memramp (?:import stock|run own).*$", page, re.MULTILINE)
    assert [main(shlex.split(line)[1:]) for line in lines] == [0, 0]
    assert "20 sequences of 5 steps" in capsys.readouterr().out
