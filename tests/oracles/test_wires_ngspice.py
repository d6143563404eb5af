"""Arrays with wires in an independent circuit simulator: ngspice must find our currents."""

import re

import numpy as np
import pytest

from memramp.crossbar.wire_netlist import wire_netlist
from memramp.crossbar.wires import Lines, WireConfig, solve

UNEQUAL = WireConfig(r_row=1.0, r_col=2.5, r_source=30.0, r_sink=12.0)


@pytest.fixture
def simulate(ngspice):
    """Runs a deck of an array, returns the currents of its bit lines by number [uA]."""

    def run(deck):
        printed = re.findall(r"^i\(vbl_(\d+)\) = (\S+)", ngspice(deck), re.MULTILINE)
        return {int(j): 1e6 * float(amps) for j, amps in printed}

    return run


def assert_agrees(simulate, g, wires, v, lines=None):
    """Currents to 1e-6 of full scale; those of floating bit lines are not printed."""
    simulated = simulate(wire_netlist(g, wires, v, lines))
    found = solve(g, wires, v, lines).currents[0]
    assert simulated
    full_scale = (g * np.abs(v)[:, None]).sum(axis=0).max()
    for j, current in simulated.items():
        assert abs(found[j] - current) < 1e-6 * full_scale
    return len(simulated)


def array(size):
    rng = np.random.default_rng(size)
    return 1e6 / np.exp(rng.uniform(np.log(2.5e3), np.log(2.5e5), (size, size))), rng.uniform(-0.2, 0.2, size)


@pytest.mark.parametrize("size", [8, 32])
@pytest.mark.parametrize(
    "wires",
    [
        UNEQUAL,
        UNEQUAL.model_copy(update={"drive": "both", "sense": "top"}),
        UNEQUAL.model_copy(update={"drive": "right", "sense": "both", "cell": "1T1R", "r_access": 3000.0}),
        WireConfig(r_row=0.0, r_col=20.0, r_source=100.0, r_sink=0.0),
    ],
    ids=["left_bottom", "both_top", "right_both_1T1R", "zeros"],
)
def test_currents_of_an_array_with_wires(simulate, size, wires):
    g, v = array(size)
    assert assert_agrees(simulate, g, wires, v) == size


@pytest.mark.parametrize("scheme", ["floating", "grounded", "half", "third"])
def test_currents_of_one_selected_device(simulate, scheme):
    g, _ = array(8)
    row, col = np.arange(8) == 3, np.arange(8) == 6
    lines = Lines.select(row, col, scheme, 0.2)
    assert assert_agrees(simulate, g, UNEQUAL, np.where(row, 0.2, 0.0), lines) == (1 if scheme == "floating" else 8)


def test_open_and_shorted_devices(simulate):
    g, v = array(8)
    g[2, 3], g[5, 1] = 0.0, 1e6
    assert_agrees(simulate, g, UNEQUAL, v)
