"""The benchmark runs; what it times is not checked here."""

import sys

from benchmarks.ramp_yield import main, measure


def test_the_benchmark_runs_on_a_few_columns():
    timings = measure(columns=20, repeats=1)
    assert all(timing.seconds > 0 for timing in timings.values())
    assert timings["best of 4 copies"].draws == 4 * timings["uncalibrated"].draws


def test_the_table_is_printed(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["ramp_yield", "20"])
    main()
    assert "20 columns of a 5-bit sigmoid" in capsys.readouterr().out
