import re
from dataclasses import replace

import numpy as np
import pytest

from memramp.devices import ConstantNoise, Device
from memramp.errors import InputError
from memramp.peripherals import Realisation, design_ramp, program_ramp
from memramp.peripherals.circuit import CircuitConfig
from memramp.peripherals.netlist import ramp_netlist, write_netlist

DEVICE = Device(
    g_min=0.0, g_max=150.0, prog_noise=ConstantNoise(sigma=5.0), read_noise={"kind": "none"}, stuck_off_rate=0.1
)
DESIGN = design_ramp("tanh", 4, "midpoint", DEVICE, realisation=Realisation(pulse_widths=(1.0, 0.5), spares=3))


def elements(deck):
    """Return the words of each element by its name: lines that begin with a letter, after the title."""
    lines = deck.splitlines()[1:]
    return {line.split()[0]: line.split()[1:] for line in lines if re.match(r"[A-Z]", line)}


def parameters(deck):
    return dict(re.findall(r"^\.param (\w+)=(\S+)", deck, re.MULTILINE))


@pytest.mark.parametrize("programmed", [False, True])
def test_every_device_that_fires_is_one_resistor_with_a_driver_of_its_own(programmed):
    ramp = program_ramp(DESIGN, DEVICE, np.random.default_rng(1), "two_point") if programmed else DESIGN
    found, column = elements(ramp_netlist(ramp, [0.5])), DESIGN.column
    held = np.concatenate([ramp.g_steps, ramp.g_bias])  # the rows' order: ramp, bias, spares
    for row, g in enumerate(held):
        name = f"R{column.role[row]}_{row}"
        if g == 0.0:
            assert name not in found
            continue
        word_line, summing, ohms = found[name]
        assert (word_line, summing) == (f"wl_{row}", "sum")
        assert float(ohms) == pytest.approx(1e6 / g, rel=1e-15)
        assert found[f"Vwl_{row}"][0] == word_line
    resistors = [name for name in found if name.startswith("R")]
    assert len(resistors) == np.count_nonzero(held)


def test_a_device_without_conductance_is_left_out_and_told_of():
    broken = DEVICE.model_copy(update={"stuck_off_rate": 0.5})
    ramp = program_ramp(DESIGN, broken, np.random.default_rng(4), "one_point")
    open_rows = np.flatnonzero(ramp.g_steps == 0.0)
    assert open_rows.size
    deck = ramp_netlist(ramp)
    for row in open_rows:
        told = rf"^\* row {row}: ramp, clock \d+, .* 0\.0 uS: does not conduct, left out$"
        assert re.search(told, deck, re.MULTILINE)
        assert f"wl_{row} " not in deck


def test_conductances_too_small_for_a_resistance_are_left_out_and_impossible_ones_refused():
    ramp = program_ramp(DESIGN, DEVICE, np.random.default_rng(1), "one_point")
    steps = ramp.g_steps.copy()
    steps[3] = 5e-324
    assert "Rramp_3 " not in ramp_netlist(replace(ramp, g_steps=steps))
    for impossible in (-1.0, np.nan, np.inf):
        steps[3] = impossible
        with pytest.raises(InputError, match="not negative"):
            ramp_netlist(replace(ramp, g_steps=steps))


def test_spares_are_told_of_but_never_fire():
    deck = ramp_netlist(DESIGN)
    assert len(re.findall(r"^\* row \d+: spare, never fires", deck, re.MULTILINE)) == 3
    assert not re.search(r"^R?spare", deck, re.MULTILINE)


def test_element_names_are_unique_and_every_node_has_two_ends():
    deck = ramp_netlist(DESIGN, np.linspace(-2, 2, 7))
    names = [line.split()[0].lower() for line in deck.splitlines()[1:] if re.match(r"[A-Z]", line)]
    assert len(names) == len(set(names))
    found = elements(deck)
    ends = [word for words in found.values() for word in words if re.fullmatch(r"(wl|data|count)_\d+", word)]
    ends += re.findall(r"V\((data_\d+)\)", deck)
    assert {ends.count(node) for node in ends} == {2}


def test_drivers_fire_at_their_clock_with_their_width_and_polarity():
    found = elements(ramp_netlist(DESIGN))
    for row in np.flatnonzero(DESIGN.column.clock >= 0):
        _, _, *pulse = found[f"Vwl_{row}"]
        ramp = DESIGN.column.role[row] == "ramp"
        width = f"{DESIGN.column.width[row]}*t_ramp{'*gain' if ramp else ''}-t_edge"
        height, start = "-v_read" if ramp else "v_read", DESIGN.column.clock[row] + 1
        assert pulse == ["PULSE(0", f"{{{height}}}", f"{{{start}*t_cycle}}", "{t_edge}", "{t_edge}", f"{{{width}}})"]


def test_parameters_are_those_of_the_circuit():
    circuit = CircuitConfig(v_read=0.15, t_pulse=64e-9, clock=5e8, c_fb=1e-12)
    ramp = program_ramp(DESIGN, DEVICE, np.random.default_rng(1), "two_point")
    found = parameters(ramp_netlist(ramp, circuit=circuit, scale=25.0, opamp_gain=1e4))
    given = ["v_read", "t_ramp", "t_pulse", "c_fb", "scale_us", "v_per_us", "gain", "a_ol"]
    values = [0.15, 2e-9, 64e-9, 1e-12, 25.0, DESIGN.v_per_us, ramp.gain, 1e4]
    assert [float(found[name]) for name in given] == values
    assert found["volts_per_unit"] == "{scale_us*1e-6*v_read*t_pulse/c_fb}"
    assert found["c_ramp"] == "{c_fb*t_ramp/(t_pulse*v_per_us*scale_us)}"


def test_pulses_have_a_flat_top_however_short():
    column = replace(DESIGN.column, width=np.full(DESIGN.column.width.size, 0.001))
    deck = ramp_netlist(replace(DESIGN, column=column))
    edge = float(re.search(r"^\.param t_edge=\{(\S+)\*t_ramp\}", deck, re.MULTILINE)[1])
    assert 0.0 < edge < 0.001


def test_numbers_are_written_so_that_they_read_back():
    values = [1e-7, -0.1, 1 / 3, 12345678.9, 0.0]
    found = elements(ramp_netlist(DESIGN, values))
    written = [found[f"Vdata_{j}"][3] for j in range(len(values))]
    assert [float(word.removeprefix("{").removesuffix("*volts_per_unit}")) for word in written] == values
    assert "np.float64" not in ramp_netlist(DESIGN, values)


def test_counters_start_at_the_first_code_and_follow_the_directions():
    design = design_ramp("cosine_sum", 4, "midpoint", DEVICE, realisation=Realisation(pulse_widths=(1.0, 0.1)))
    deck = ramp_netlist(design, [0.0])
    assert design.levels.codes[0] > 0
    assert f".ic V(count_0)={design.levels.codes[0]}" in deck
    points = re.findall(r"\{(\d+)\*t_cycle\+t_edge\} (-?\d)", deck)
    cycles = np.zeros(design.ramp.size + 1, np.int64)
    for cycle, direction in points:
        cycles[int(cycle) :] = int(direction)
    compared = cycles[1 + design.first : 1 + design.first + design.thresholds.size]
    assert (compared == design.levels.directions).all()
    assert np.count_nonzero(cycles) == design.thresholds.size


@pytest.mark.parametrize(
    "name",
    ["x\n.control\nshell touch /tmp/x\n.endc", "tanh\r\nRx sum 0 1", "{v_read} $& `ls` \u2028.end", "a" * 5000, ""],
)
def test_a_functions_name_adds_no_line_to_a_deck(name):
    levels = replace(DESIGN.levels, function=replace(DESIGN.function, name=name))
    deck, plain = ramp_netlist(replace(DESIGN, levels=levels), [0.0]), ramp_netlist(DESIGN, [0.0])
    assert deck.isascii()
    assert deck.splitlines()[1:] == plain.splitlines()[1:]
    assert re.fullmatch(r"memramp ramp column: 4-bit [\w.-]{0,60}, levels midpoint", deck.splitlines()[0])


def test_without_control_the_deck_is_the_same_circuit_alone():
    whole, bare = ramp_netlist(DESIGN, [0.0]), ramp_netlist(DESIGN, [0.0], control=False)
    assert elements(whole).keys() == elements(bare).keys()
    assert not re.search(r"\.control|\.csparam|quit", bare)
    assert bare.splitlines()[-1] == whole.splitlines()[-1] == ".end"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"inputs": [0.0, np.nan]}, "finite, found nan"),
        ({"inputs": [np.inf]}, "finite, found inf"),
        ({"inputs": [[0.0]]}, "found the shape"),
        ({"inputs": np.zeros(4097)}, "at most 4096"),
        ({"scale": 0.0}, "scale of a netlist must be positive"),
        ({"scale": np.nan}, "scale of a netlist must be positive"),
        ({"opamp_gain": 10.0}, "opamp_gain must be 100 to 1e\\+12, found 10"),
        ({"opamp_gain": np.nan}, "opamp_gain must be"),
    ],
)
def test_what_no_deck_can_hold_is_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        ramp_netlist(DESIGN, **arguments)


def test_a_file_is_written_whole_and_replaced_only_when_told(tmp_path):
    path = tmp_path / "ramp.cir"
    write_netlist(path, DESIGN, [0.1])
    assert path.read_text() == ramp_netlist(DESIGN, [0.1])
    with pytest.raises(InputError, match="exists already"):
        write_netlist(path, DESIGN)
    write_netlist(path, DESIGN, force=True)
    assert path.read_text() == ramp_netlist(DESIGN)
    with pytest.raises(InputError, match="finite"):
        write_netlist(tmp_path / "other.cir", DESIGN, [np.nan])
    with pytest.raises(InputError, match="no such folder"):
        write_netlist(tmp_path / "none" / "ramp.cir", DESIGN)
    assert list(tmp_path.iterdir()) == [path]
