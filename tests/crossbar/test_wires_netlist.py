"""The list of an array's resistors, its SPICE deck, and the figure of its worst IR drop."""

import numpy as np
import pytest

from memramp.crossbar.wire_figures import evenly_wrapped, plot_worst_ir_drop
from memramp.crossbar.wire_netlist import Resistor, joined, resistors, wire_netlist
from memramp.crossbar.wires import Lines, WireConfig, ir_drop
from memramp.errors import InputError

UNEQUAL = WireConfig(r_row=2.0, r_col=7.0, r_source=31.0, r_sink=13.0)


def test_every_resistor_of_a_two_by_two_array():
    found = {part.name: (part.one, part.other, part.ohms) for part in resistors([[100.0, 0.0], [50.0, 20.0]], UNEQUAL)}
    assert found == {
        "Rcell_0_0": ("w_0_0", "b_0_0", 1e4), "Rcell_1_0": ("w_1_0", "b_1_0", 2e4),
        "Rcell_1_1": ("w_1_1", "b_1_1", 5e4),
        "Rrow_0_0": ("w_0_0", "w_0_1", 2.0), "Rrow_1_0": ("w_1_0", "w_1_1", 2.0),
        "Rcol_0_0": ("b_0_0", "b_1_0", 7.0), "Rcol_0_1": ("b_0_1", "b_1_1", 7.0),
        "Rleft_0": ("wl_0", "w_0_0", 31.0), "Rleft_1": ("wl_1", "w_1_0", 31.0),
        "Rbottom_0": ("bl_0", "b_1_0", 13.0), "Rbottom_1": ("bl_1", "b_1_1", 13.0),
    }


def test_other_ends_and_floating_lines():
    wires = UNEQUAL.model_copy(update={"drive": "both", "sense": "top"})
    lines = Lines(driven=np.array([True, False]), sensed=np.array([False, True]))
    ends = {part.name: part.other for part in resistors(np.ones((2, 2)), wires, lines) if part.one[1] == "l"}
    assert ends == {"Rleft_0": "w_0_0", "Rright_0": "w_0_1", "Rtop_1": "b_0_1"}


def test_wires_of_zero_ohm_join_their_nodes_and_supplies_keep_their_names():
    parts = [Resistor("a", "x", "y", 0.0), Resistor("b", "wl_0", "x", 0.0), Resistor("c", "y", "z", 5.0),
             Resistor("d", "y", "x", 0.0)]
    assert joined(parts) == [Resistor("c", "wl_0", "z", 5.0)]


def test_the_deck_is_for_one_input():
    deck = wire_netlist([[100.0]], UNEQUAL, [0.25])
    assert "Vwl_0 wl_0 0 DC 0.25\n" in deck
    assert "Rcell_0_0 w_0_0 b_0_0 10000.0\n" in deck
    assert "print i(Vbl_0)\n" in deck
    with pytest.raises(InputError, match="v has 2 inputs, allowed here: one"):
        wire_netlist([[100.0]], UNEQUAL, [[1.0], [2.0]])


def test_the_figure_shows_the_worst_case_with_its_value_and_resistances():
    wires = UNEQUAL.model_copy(update={"cell": "1T1R", "r_access": 100.0})
    figure = plot_worst_ir_drop(12, 8, 150.0, wires)
    drop = 100.0 * ir_drop(np.full((12, 8), 150.0), wires, np.ones(12))
    axes, bar = figure.axes
    np.testing.assert_allclose(axes.images[0].get_array(), drop)
    title = axes.get_title().replace("\n", " ")
    assert f"worst {drop.max():.3g} % at row 0, column 7" in title
    assert "r_row 2, r_col 7, r_source 31, r_sink 13, r_access 100 ohm; driven left, sensed bottom" in title
    assert "%" in bar.get_ylabel()
    with pytest.raises(InputError, match="at least one row"):
        plot_worst_ir_drop(0, 8, 150.0, wires)


def test_lines_of_a_title_are_of_even_length():
    text = "r_row 1, r_col 1, r_source 0, r_sink 0 ohm; driven both, sensed both"
    assert evenly_wrapped(text, 66) == ["r_row 1, r_col 1, r_source 0, r_sink", "0 ohm; driven both, sensed both"]
    assert evenly_wrapped(text, 80) == [text]
    assert evenly_wrapped("", 10) == []
    assert evenly_wrapped("unbreakable", 4) == ["unbr", "eaka", "ble"]
