"""The benchmark runs; what it times is not checked here."""

import sys
from dataclasses import astuple

import numpy as np

from benchmarks import read_noise
from benchmarks.read_noise import main, measure, read_per_device


def test_the_benchmark_runs_on_a_small_array():
    assert all(seconds > 0 for seconds in astuple(measure(size=8, batch=4, repeats=1)))


def test_the_table_is_printed(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["read_noise", "8", "4"])
    main()
    assert "8 x 8 pairs, batch 4" in capsys.readouterr().out


def test_the_compiled_rival_reads_the_same_array():
    array = read_noise._array(8, noisy=True)
    g = np.stack([array.g_pos, array.g_neg]).astype(np.float32)
    x = np.random.default_rng(1).uniform(-1, 1, (5, 8)).astype(np.float32)
    out = np.empty((5, 8), np.float32)
    read_per_device(x, g, np.zeros_like(g), array.config.scale, np.uint64(1), out)
    np.testing.assert_allclose(out, x @ array.w_eff, atol=1e-5)
