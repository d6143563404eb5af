"""The benchmark runs; what it times is not checked here."""

import sys

import pytest

from benchmarks import wires


def test_the_benchmark_runs_on_a_small_array():
    (timing,) = wires.measure((8,), (3,), repeats=1)
    assert all(seconds > 0 for seconds in timing.seconds.values())
    assert timing.residual <= 1e-10


def test_the_table_is_printed(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["wires", "8"])
    monkeypatch.setattr(wires, "_peer", lambda: None)
    wires.main()
    assert "8 x 8 folded into its effective matrix" in capsys.readouterr().out


def test_the_peer_finds_the_same_currents():
    pytest.importorskip("badcrossbar")
    (timing,) = wires.measure((8,), (3,), repeats=1)
    assert timing.error < 1e-9
