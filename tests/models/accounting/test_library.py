"""Components, their sources and scaling laws."""

import re
from itertools import pairwise

import pytest

from memramp.errors import InputError
from memramp.models.accounting.bounds import Bounds
from memramp.models.accounting.components import Component, Conditions, component_of, load_library
from memramp.models.accounting.published import published_chips
from memramp.models.accounting.scaling import bits_factor, node_law, node_laws
from memramp.models.accounting.values import AreaValue, EnergyValue, PowerValue, cost_text, parse_area

HERE = Conditions()
LIBRARY = load_library()
VALUE = {"value": "3 fJ", "within": 2, "source": "a paper of 2020", "status": "estimated"}

# Stillmaker and Baas, Integration 58, 2017, doi 10.1016/j.vlsi.2017.02.002: voltage, delay (cubic first), energy
# (quadratic first); general purpose to 65 nm, HP below.
STILLMAKER = {
    130: (1.2, (-76.65, 334.9, -493.4, 275.8), (7.171, -6.709, 2.904)),
    90: (1.1, (-60.34, 262.5, -384.2, 210.9), (4.762, -4.781, 2.092)),
    65: (1.0, (-53.3, 230.4, -333.9, 178.6), (3.755, -4.398, 1.975)),
    45: (0.9, (-501.6, 1567, -1619, 566.1), (1.018, -0.3107, 0.1539)),
    32: (0.84, (-1047, 2982, -2797, 873.5), (0.8367, -0.4341, 0.1701)),
    16: (0.8, (0, 24.8, -47.52, 28.87), (0.2958, -0.1241, 0.03024)),
    14: (0.8, (-40.66, 109.2, -100.6, 35.92), (0.2363, -0.09675, 0.02239)),
    10: (0.75, (-34.95, 93.65, -85.99, 30.4), (0.2068, -0.09311, 0.02375)),
    7: (0.7, (-28.58, 76.6, -70.26, 24.69), (0.1776, -0.09097, 0.02447)),
}


def polynomial(coefficients, v):
    total = 0.0
    for coefficient in coefficients:
        total = total * v + coefficient
    return total


@pytest.mark.parametrize("quantity", ["energy", "delay"])
def test_the_table_of_stillmaker_and_baas_is_that_of_their_polynomials(quantity):
    law = node_law("stillmaker")
    assert set(law.nodes) == set(STILLMAKER)
    wanted = {
        node: polynomial(delay if quantity == "delay" else energy, v) for node, (v, delay, energy) in STILLMAKER.items()
    }
    for node in STILLMAKER:
        assert law.factor(quantity, 16, node) == pytest.approx(wanted[node] / wanted[16], rel=0.01)


def test_published_factors_of_stillmaker_and_baas_come_back():
    law = node_law("stillmaker")
    # Their polynomials and area table at 65 nm 1.0 V, 45 nm 0.9 V and 16 nm 0.8 V.
    for node, energy, delay, area in ((65, 0.0903, 0.309, 0.13), (45, 0.1721, 0.534, 0.19)):
        for quantity, wanted in (("energy", energy), ("delay", delay), ("area", area)):
            assert law.factor(quantity, node, 16) == pytest.approx(wanted, rel=0.04)


def test_logic_lies_between_stillmaker_and_published_pairs():
    # An 8-bit addition: 30 fJ at 45 nm (Horowitz 2014), 10 fJ at 14 nm (Dally 2020).
    found = {name: node_law(name).factor("energy", 45, 14) for name in ("stillmaker", "logic")}
    assert found["stillmaker"] < found["logic"] < 10 / 30


@pytest.mark.parametrize("name", sorted(node_laws()))
@pytest.mark.parametrize("quantity", ["energy", "delay", "area", "power"])
def test_laws_go_there_and_back_and_nothing_gets_worse_on_the_way_down(name, quantity):
    law = node_law(name)
    for one, other in pairwise(law.nodes):
        between = (one * other) ** 0.5
        assert law.factor(quantity, one, other) * law.factor(quantity, other, one) == pytest.approx(1.0)
        steps = law.factor(quantity, one, between) * law.factor(quantity, between, other)
        assert steps == pytest.approx(law.factor(quantity, one, other))
        if quantity != "power":  # smaller and faster: more power for each area
            assert law.factor(quantity, one, other) >= 1.0


def test_areas_of_cells_go_with_the_square_of_the_node():
    assert node_law("feature").factor("area", 14, 28) == pytest.approx(4.0)
    assert node_law("feature").factor("area", 7, 20) == pytest.approx((20 / 7) ** 2)


@pytest.mark.parametrize(
    ("law", "wanted"), [("none", 1.0), ("linear", 8 / 5), ("exponential", 8.0), ("quadratic", 2.56)]
)
def test_laws_for_bits(law, wanted):
    assert bits_factor(law, 5, 8) == pytest.approx(wanted)


@pytest.mark.parametrize("name", LIBRARY)
def test_every_value_has_bounds_and_a_source(name):
    values = LIBRARY[name].values()
    assert values
    for key, value in values.items():
        assert 0 <= value.low <= value.value <= value.high, key
        if value.status == "printed":
            assert re.search(r"\d", value.printed), key
        if value.status in ("printed", "derived") and not value.source.startswith(("as the energy", "geometry")):
            assert re.search(r"doi|ISSCC|ESSCIRC|CACM|VLSI|library|300 um2 at 32 nm", value.source), (key, value.source)


def test_the_ramp_adc_is_the_reference_point_and_the_sum_of_its_parts():
    costs = LIBRARY["ramp_adc"].at("ramp_adc", HERE)
    array_wide = costs.energy["column_clock"].value * 128 * 32
    assert array_wide == pytest.approx(42.82e-12, rel=2e-3)  # 5 bit, 128 columns, 32 clocks of 1 GHz
    # From below: a decision, on average two toggles of a ripple counter, and a share of the buffer, at each clock.
    parts = {name: LIBRARY[name].at(name, HERE) for name in ("comparator", "counter_bit", "ramp_buffer")}
    below = (
        parts["comparator"].energy["decide"]
        + parts["counter_bit"].energy["toggle"] * 2.0
        + parts["ramp_buffer"].energy["column_clock"]
    )
    assert below.low < 10.45e-15 < below.high
    assert below.value == pytest.approx(10.45e-15, rel=0.1)
    area = parts["comparator"].area + 5 * parts["counter_bit"].area
    assert area.value == pytest.approx(costs.area.value, rel=0.1)


def test_readc_is_as_printed():
    costs = LIBRARY["readc"].at("readc", HERE)
    assert costs.energy["convert"].value == 12.58e-15
    assert costs.area.value == pytest.approx(24.29e-12)
    assert costs.delay["convert"].value == 0.165e-9
    assert 128 * costs.energy["convert"].value == pytest.approx(1.61e-12, rel=1e-3)  # as it prints for 128 columns


def test_costs_scale_with_node_and_bits():
    adder = LIBRARY["adder"]
    one, wide = (adder.at("adder", Conditions(node=14.0), bits).energy["add"] for bits in (8, 32))
    assert one.value == 10e-15
    assert wide.value == pytest.approx(40e-15)
    larger = adder.at("adder", Conditions(node=45.0)).energy["add"]
    assert larger.value / one.value == pytest.approx(36.45 / 8.96)
    assert larger.low / larger.value == pytest.approx(one.low / one.value)


@pytest.mark.parametrize(
    ("name", "where", "bits", "told"),
    [
        ("adder", Conditions(node=180.0), None, "node 180 nm lies outside 7 to 130 nm"),
        ("ramp_adc", Conditions(node=65.0), None, "node 65 nm lies outside 14 to 22 nm"),
        ("ramp_adc", Conditions(clock=5e9), None, "clock 5e\\+09 Hz is above its largest, 2e\\+09 Hz"),
        ("sar_adc", HERE, 12, "12 bits lie outside 3 to 10"),
        ("pulse_driver", HERE, 5, "its values are for 8 bits, and it has no law for 5"),
    ],
)
def test_beyond_a_laws_range_it_is_refused_or_marked(name, where, bits, told):
    with pytest.raises(InputError, match=f"component '{name}': {told}"):
        LIBRARY[name].at(name, where, bits)
    asked = Conditions(where.node, where.clock, extrapolate=True)
    found = LIBRARY[name].at(name, asked, bits)
    assert re.search(told, found.extrapolated[0])
    assert not LIBRARY[name].at(name, HERE).extrapolated


def test_a_component_holds_at_its_own_node_whatever_the_law():
    assert not LIBRARY["comparator"].at("comparator", Conditions(node=65.0)).extrapolated


def test_what_is_missing_is_named():
    with pytest.raises(InputError, match="'readc' has no energy for the action 'sample', which the array counts"):
        LIBRARY["readc"].at("readc", HERE).of("sample", "the array")
    with pytest.raises(InputError, match="the array needs the component 'cats'"):
        component_of(LIBRARY, "cats", "the array")


def test_a_users_file_adds_and_overrides(tmp_path):
    own = tmp_path / "own.yaml"
    own.write_text(
        "memramp_components: 1\ncomponents:\n"
        "  sar_adc:\n    energy: {convert: {value: 1 pJ, within: 3, source: our own chip, status: estimated}}\n"
        "  readc:\n    energy: {sample: {value: 1 fJ, within: 3, source: our own chip, status: estimated}}\n"
        "  magic:\n    description: does it all\n    reference: {node: 16 nm}\n"
    )
    found = load_library(own)
    assert found["sar_adc"].energy["convert"].bounds == pytest.approx((1e-12 / 3, 1e-12, 3e-12))
    assert found["sar_adc"].area == LIBRARY["sar_adc"].area
    assert set(found["readc"].energy) == {"convert", "sample"}
    assert found["magic"].area is None
    assert found.keys() - LIBRARY.keys() == {"magic"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("components: {}\n", "memramp_components: 1"),
        ("memramp_components: 2\ncomponents: {}\n", "memramp_components: 1"),
        ("memramp_components: true\ncomponents: {}\n", "memramp_components: 1"),
        ("memramp_components: 1\ncomponents: {'A\\nb': {}}\n", "small letters, digits"),
        ("memramp_components: 1\ncomponents: {sar_adc: 3}\n", "components.sar_adc must be a block"),
        ("memramp_components: 1\ncomponents: {new: {description: something}}\n", "new: the key 'reference' is missing"),
        ("memramp_components: 1\ncomponents: {sar_adc: {energi: {}}}\n", "did you mean 'energy'"),
        ("memramp_components: 1\ncomponents: {sar_adc: {scaling: {node: magic}}}\n", "'magic' is not known"),
    ],
)
def test_faults_of_a_users_file_are_told(text, told, tmp_path):
    own = tmp_path / "own.yaml"
    own.write_text(text)
    with pytest.raises(InputError, match=told) as caught:
        load_library(own)
    assert "own.yaml" in str(caught.value)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"value": "3 fs"}, "expected the unit J"),
        ({"within": 0.5}, "within is a factor from 1 to 1e6"),
        ({"value": 10**400}, "finite"),
        ({"value": "1e99999999999 fJ"}, "finite"),
        ({"low": "1 fJ"}, "within stands in place of low and high"),
        ({"status": "printed"}, "needs the key printed"),
        ({"source": ""}, "at least 8 characters"),
    ],
)
def test_faults_of_a_value_are_told(change, told):
    with pytest.raises(ValueError, match=told):
        EnergyValue.model_validate(VALUE | change)
    block = {key: value for key, value in VALUE.items() if key != "within"}
    with pytest.raises(ValueError, match="low <= value <= high"):
        EnergyValue.model_validate(block | {"low": "4 fJ", "high": "5 fJ"})


def test_laws_for_bits_need_their_range_and_source():
    block = {"description": "some circuit", "reference": {"node": "16 nm", "bits": 5}, "scaling": {"energy": "linear"}}
    with pytest.raises(ValueError, match="need the keys bits"):
        Component.model_validate(block)
    block["scaling"] |= {"bits": [8, 3], "source": "arithmetic"}
    with pytest.raises(ValueError, match="smaller end first"):
        Component.model_validate(block)


@pytest.mark.parametrize(("text", "area"), [("24.29 um2", 24.29e-12), ("1 mm^2", 1e-6), ("2e3 nm²", 2e-15), (0.5, 0.5)])
def test_areas_are_read(text, area):
    assert parse_area(text) == pytest.approx(area)


@pytest.mark.parametrize("text", ["3 um", "um2", "3", "3 um3", "-1 x2", "1" * 100_000])
def test_what_is_no_area_is_told(text):
    with pytest.raises(ValueError, match="expected an area"):
        parse_area(text)


def test_costs_are_written_with_their_prefix():
    assert cost_text(4.282e-11, EnergyValue.unit) == "42.82 pJ"
    assert cost_text(24.29e-12, AreaValue.unit) == "24.29 um2"
    assert cost_text(2.5e-6, AreaValue.unit) == "2.5 mm2"
    assert cost_text(1e-4, PowerValue.unit) == "100 uW"


def test_bounds_add_and_multiply_end_by_end():
    one = Bounds(1.0, 2.0, 4.0)
    assert one + Bounds.exact(1.0) == Bounds(2.0, 3.0, 5.0)
    assert 2.0 * one == one * 2.0 == Bounds(2.0, 4.0, 8.0)
    assert one / 2.0 == Bounds(0.5, 1.0, 2.0)


def test_published_chips_tell_their_boundary_and_source():
    chips = published_chips()
    assert len({chip.name for chip in chips}) == len(chips)
    for chip in chips:
        assert chip.tops or chip.tops_per_watt
        assert re.search(r"doi 10\.|arXiv", chip.source), chip.name
    speech = next(chip for chip in chips if chip.name == "IBM speech chip")
    assert (speech.tops_per_watt, speech.boundary, speech.node) == (12.4, "chip", 14.0)
