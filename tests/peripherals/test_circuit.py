from dataclasses import replace

import numpy as np
import pytest

from memramp.config import validate
from memramp.devices import ConstantNoise, Device
from memramp.errors import InputError
from memramp.peripherals import ActivationConfig, Realisation, build_converter, design_ramp, nladc, program_ramp
from memramp.peripherals.circuit import CircuitConfig
from memramp.peripherals.circuit_effects import with_circuit
from memramp.peripherals.converter import uniform_adc
from memramp.peripherals.environment import EnvironmentConfig
from memramp.peripherals.reference import Reference

READ = Device(g_min=0.0, g_max=150.0, read_noise=ConstantNoise(sigma=3.5))
VOLTS = 0.12  # per unit of pre-activation, of the default circuit at 75 uS


def converter(function="sigmoid", bits=5, device=READ, **settings):
    return build_converter(ActivationConfig(bits=bits, **settings), function, device, np.random.default_rng(1))


def staircase(values, **reference):
    """Return a converter with these ramp values, without read noise."""
    base = np.asarray(values, np.float32)
    one = uniform_adc("tanh", 1, 1.0)
    outputs = np.linspace(-1.0, 1.0, base.size + 1).astype(np.float32)
    return replace(one, base=base, read_std=np.zeros_like(base), outputs=outputs, codes=np.arange(base.size + 1),
                   reference=Reference(**reference))  # fmt: skip


def put(what, **settings):
    circuit = validate(CircuitConfig, settings, "circuit")
    return with_circuit(what, circuit, 75.0, columns=40, rng=np.random.default_rng(5))


def simulate_leak(values, tau, clocks):
    """Return the data that meet each value of the ramp, both leaking, by small steps of time."""
    steps, dt = np.diff(values), 1.0 / 2000
    ramp, decay, met = values[0], 1.0, [values[0]]
    for step in steps:
        for _ in range(2000):
            ramp += (step - ramp / (tau / clocks)) * dt
            decay -= decay / (tau / clocks) * dt
        met.append(ramp / decay)
    return met


def test_volts_per_unit_and_the_ramp_capacitor_follow_from_charge():
    circuit = CircuitConfig()
    assert circuit.volts_per_unit(75.0) == pytest.approx(VOLTS)
    c_ramp = circuit.ramp_capacitor(0.005, 75.0)
    volts_of_one_us = 1e-6 * circuit.v_read * circuit.t_ramp / c_ramp
    assert volts_of_one_us == pytest.approx(0.005 * VOLTS)


@pytest.mark.parametrize("kind", ["nladc", "uniform_adc"])
def test_the_default_circuit_changes_no_bit(kind):
    before = converter(kind=kind)
    after = put(before)
    for name in ("base", "read_std", "outputs", "codes"):
        assert getattr(after, name).tobytes() == getattr(before, name).tobytes()
    assert after.plain
    assert not put(before, comparator={"noise": "1 mV"}).plain


def test_quantities_carry_units():
    circuit = validate(
        CircuitConfig,
        {"v_read": "150 mV", "t_pulse": "16 ns", "clock": "2 GHz", "c_fb": "2 pF", "temperature": "350 K",
         "comparator": {"offset_std": "2 mV", "delay": "0.2 ns"}, "integrator": {"leak_tau": "10 us", "v_sat": "0.5 V"},
         "jitter": "5 ps"},
        "circuit",
    )  # fmt: skip
    assert (circuit.v_read, circuit.t_pulse, circuit.clock, circuit.c_fb) == (0.15, 16e-9, 2e9, 2e-12)
    assert (circuit.temperature, circuit.jitter, circuit.t_ramp) == (350.0, 5e-12, 0.5e-9)
    assert circuit.ideal() == CircuitConfig(v_read=0.15, t_pulse=16e-9, clock=2e9, c_fb=2e-12, temperature=350.0)


def test_offsets_are_the_columns_own_and_the_first_ones_stay_when_columns_are_added():
    circuit = CircuitConfig.model_validate({"comparator": {"offset_std": 0.006}})
    few, many = (with_circuit(converter(), circuit, 75.0, columns=n, rng=np.random.default_rng(5)) for n in (7, 40))
    assert few.offset.tolist() == many.offset[:7].tolist()
    assert abs(np.std(many.offset) / (0.006 / VOLTS) - 1.0) < 4.5 / np.sqrt(2 * 40)
    with pytest.raises(ValueError, match="number of columns"):
        with_circuit(converter(), circuit, 75.0)


def test_reset_noise_of_data_and_ramp():
    quiet, noisy = converter(device=READ), put(converter(device=READ), integrator={"ktc_noise": True})
    assert noisy.sample_std * VOLTS == pytest.approx(32.2e-6, rel=2e-3)  # sqrt(kT/C) of 4 pF at 300 K
    c_ramp = CircuitConfig().ramp_capacitor(quiet.reference.v_per_us, 75.0)
    added = noisy.read_std.astype(float) ** 2 - quiet.read_std.astype(float) ** 2
    assert added[0] * VOLTS**2 == pytest.approx(1.380649e-23 * 300.0 / c_ramp, rel=1e-3)
    assert (added[1:] == 0.0).all()


def test_jitter_gives_each_step_an_error_that_its_pulse_width_does_not_lessen():
    fixed = staircase([-2.0, -1.0, 0.5, 1.0])  # no pulse has brought a reference that is no column to its start
    np.testing.assert_allclose(put(fixed, jitter="50 ps").read_std, 0.05 * np.array([0.0, 1.0, 1.5, 0.5]), rtol=1e-6)
    what = replace(fixed, reference=Reference(v_per_us=0.01))
    np.testing.assert_allclose(put(what, jitter="50 ps").read_std, 0.05 * np.array([2.0, 1.0, 1.5, 0.5]), rtol=1e-6)
    half = replace(what, reference=Reference(v_per_us=0.01, widths=np.array([1.0, 0.5, 1.0, 1.0])))
    np.testing.assert_allclose(put(half, jitter="50 ps").read_std, 0.05 * np.array([2.0, 2.0, 1.5, 0.5]), rtol=1e-6)
    lead = replace(what, reference=Reference(v_per_us=0.01, lead=np.array([-3.0])))
    assert put(lead, jitter="50 ps").read_std[0] == pytest.approx(0.05 * np.hypot(3.0, 1.0), rel=1e-6)


@pytest.mark.parametrize("tau", [1e-8, 1e-7])
def test_leakage_moves_thresholds_as_a_simulation_in_time_does(tau):
    values = np.array([-2.0, -1.0, 0.2, 0.4, 2.0])
    found = put(staircase(values), integrator={"leak_tau": tau}).base
    np.testing.assert_allclose(found, simulate_leak(values, tau, 1e-9), rtol=1e-3)
    assert np.abs(found - values).max() > 0.005


def test_slow_leakage_vanishes():
    values = np.array([-2.0, -1.0, 0.2, 0.4, 2.0])
    np.testing.assert_allclose(put(staircase(values), integrator={"leak_tau": 1.0}).base, values, rtol=1e-6)


@pytest.mark.parametrize(("gain", "c_in"), [(100.0, "0 F"), (100.0, "2 pF")])
def test_finite_gain_cancels_but_for_the_capacitive_load(gain, c_in):
    what = converter(device=Device(g_min=0.0, g_max=150.0))
    found = put(what, integrator={"gain": gain, "c_in": c_in}).base
    if c_in == "0 F":
        assert (found == what.base).all()
        return
    c_ramp = CircuitConfig().ramp_capacitor(what.reference.v_per_us, 75.0)
    ratio = (1 + (1 + 2e-12 / 4e-12) / gain) / (1 + (1 + 2e-12 / c_ramp) / gain)
    np.testing.assert_allclose(found, what.base * ratio, rtol=1e-6)
    assert abs(ratio - 1.0) > 0.01


@pytest.mark.parametrize(
    ("delay", "expected"),
    [
        ("0.25 ns", [-2.0, -1.25, 0.125, 0.875]),
        ("1 ns", [-2.0, -2.0, -1.0, 0.5]),
        ("1.5 ns", [-2.0, -2.0, -1.5, -0.25]),
        ("9 ns", [-2.0] * 4),
    ],
)
def test_a_delayed_decision_sees_the_ramp_of_before(delay, expected):
    what = staircase([-2.0, -1.0, 0.5, 1.0])
    np.testing.assert_allclose(put(what, comparator={"delay": delay}).base, expected, atol=1e-6)


def test_a_delay_within_the_rest_after_a_short_pulse_does_nothing_and_a_lead_in_counts():
    short = staircase([-2.0, -1.0, 0.5], widths=np.array([1.0, 0.5, 0.5]))
    np.testing.assert_allclose(put(short, comparator={"delay": "0.5 ns"}).base, short.base, atol=1e-6)
    np.testing.assert_allclose(put(short, comparator={"delay": "0.75 ns"}).base, [-2.0, -1.5, -0.25], atol=1e-6)
    lead = staircase([-2.0, -1.0], lead=np.array([-4.0]))
    np.testing.assert_allclose(put(lead, comparator={"delay": "0.5 ns"}).base, [-3.0, -1.5], atol=1e-6)


def test_hysteresis_lowers_the_first_crossing_by_half_of_it():
    what = staircase([-2.0, -1.0, 0.5])
    found = put(what, comparator={"hysteresis": "12 mV"}, counting="count")
    np.testing.assert_allclose(found.base, what.base - 0.05, atol=1e-6)
    assert found.hysteresis == pytest.approx(0.1)


def test_saturation_makes_thresholds_beyond_it_certain():
    what = staircase([-2.0, -1.0, 0.5, 1.0])
    found = put(what, integrator={"v_sat": 0.9 * VOLTS})
    assert found.base.tolist() == [-np.inf, -np.inf, 0.5, np.inf]
    assert found.convert([[-9.0, 0.4, 0.6, 9.0]]).tolist() == [[2, 2, 3, 3]]


def test_counting_all_clocks_and_early_stop_reach_the_converter():
    falling = staircase([-0.5, 0.4, 0.1])
    assert put(falling, counting="count").convert([[0.2, 0.0]]).tolist() == [[2, 1]]
    assert put(falling).convert([[0.2, 0.0]]).tolist() == [[1, 1]]
    assert put(falling, counting="count").thresholds.tolist() == np.sort(falling.base).tolist()
    assert put(falling, early_stop=True).cycles(np.array([0, 1])) == 3
    with pytest.raises(InputError, match="early_stop needs counting 'first_crossing'"):
        validate(CircuitConfig, {"counting": "count", "early_stop": True}, "circuit")


def test_pulse_widths_and_lead_in_of_a_column_are_known_to_its_converter():
    device = Device(g_min=50.0, g_max=150.0)
    design = design_ramp("exp", 3, "midpoint", device, realisation=Realisation(pulse_widths=(1.0, 0.8, 0.5)))
    reference = nladc(program_ramp(design, device, np.random.default_rng(1), "none")).reference
    assert reference.lead.tolist() == [design.v_start]
    assert reference.widths.size == 1 + design.thresholds.size
    rows = design.column.rows("ramp")  # one device a clock
    assert reference.widths[1:].tolist() == design.column.width[rows][: design.thresholds.size].tolist()
    assert reference.widths.min() < 1.0
    assert reference.tracks
    assert not uniform_adc("tanh", 3, 1.0).reference.tracks


def test_columns_that_a_converter_does_not_have_are_refused():
    found = put(converter(device=READ), comparator={"offset_std": "1 mV"})
    with pytest.raises(ValueError, match=r"has 40 columns, found columns 39\.\.40"):
        found.convert(np.zeros((1, 2)), key=1, first_column=39)
    with pytest.raises(ValueError, match=r"purposes lie below 2\*\*30"):
        found.convert(np.zeros((1, 2)), key=1, purpose=2**30)
    with pytest.raises(ValueError, match="needs a key"):
        put(staircase([0.0]), comparator={"noise": "1 mV"}).convert([[0.0]])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"v_read": 0}, "'v_read'"),
        ({"c_fb": "4 pS"}, "'c_fb': .*unit F"),
        ({"temperature": "20 C"}, "'temperature'"),
        ({"clock": "1 ns"}, "'clock'"),
        ({"jitter": "-1 ps"}, "'jitter'"),
        ({"comparator": {"noise": -1}}, "'comparator.noise'"),
        ({"integrator": {"gain": 0.5}}, "'integrator.gain'"),
        ({"integrator": {"leak_tau": 0}}, "'integrator.leak_tau'"),
        ({"counting": "last"}, "'counting'"),
        ({"comparators": {}}, "unknown key 'comparators'"),
    ],
)
def test_bad_settings_are_refused_in_one_sentence(settings, message):
    with pytest.raises(InputError, match=message) as caught:
        validate(CircuitConfig, settings, "circuit")
    assert "\n" not in str(caught.value)


def test_leakage_that_leaves_nothing_is_refused():
    with pytest.raises(InputError, match="leaves nothing to compare"):
        put(converter(), integrator={"leak_tau": "0.1 ns"})


def test_read_noise_of_the_ramp_follows_its_environment():
    what = converter(device=READ)
    low = EnvironmentConfig(v_read=0.1, acts_on="ramp")
    found = with_circuit(what, CircuitConfig(), 75.0, environment=low)
    np.testing.assert_allclose(found.read_std, 0.5 * what.read_std, rtol=1e-6)
    np.testing.assert_allclose(found.base, 0.5 * what.base, rtol=1e-6)
    data = with_circuit(what, CircuitConfig(), 75.0, environment=EnvironmentConfig(v_read=0.1, acts_on="weights"))
    np.testing.assert_allclose(data.read_std, 2.0 * what.read_std, rtol=1e-6)


def test_leaking_data_meet_the_noise_of_a_late_clock_as_a_larger_one():
    what, tau = converter(device=READ), 1e-7
    found = put(what, integrator={"leak_tau": "100 ns"})
    plain = put(what)
    growth = found.read_std.astype(float) / plain.read_std
    assert growth[-1] > growth[1] > 0.99
    assert growth[-1] == pytest.approx(np.exp(30e-9 / tau), rel=0.1)


@pytest.mark.parametrize("calibration", ["one_point", "two_point"])
def test_read_noise_of_a_clock_goes_with_the_charge_of_its_pulses(calibration):
    noisy = Device(
        g_min=0.0, g_max=150.0, prog_noise=ConstantNoise(sigma=5.0), read_noise=ConstantNoise(sigma=2.0)
    )
    design = design_ramp("sigmoid", 5, "midpoint", noisy, realisation=Realisation(max_devices=2, pulse_widths=(1, 0.5)))
    ramp = program_ramp(design, noisy, np.random.default_rng(3), calibration)
    column = design.column
    width = column.width[column.rows("ramp")]
    for clock, std in enumerate(ramp.read_std[1:], start=1):
        fires = width[column.clock[column.rows("ramp")] == clock]
        assert std == pytest.approx(2.0 * ramp.gain * np.sqrt(np.sum(fires**2)) * design.v_per_us)
    assert (ramp.gain != 1.0) == (calibration == "two_point")


def test_columns_joined_in_charge_hold_the_mean_of_their_parts():
    what = converter(device=Device(g_min=0.0, g_max=150.0))
    settings = {"comparator": {"offset_std": "3 mV", "noise": "2 mV"}, "integrator": {"ktc_noise": True}}
    circuit = validate(CircuitConfig, settings, "circuit")
    one, four = (
        with_circuit(what, circuit, 75.0, columns=9, rng=np.random.default_rng(5), parts=parts) for parts in (1, 4)
    )
    # Voltages fall to a quarter, so errors of the comparators weigh four times as much ...
    np.testing.assert_allclose(four.offset, 4.0 * one.offset, rtol=1e-6)
    assert four.decision_std == pytest.approx(4.0 * one.decision_std)
    # ... and the independent noises of four parts, each reset twice, add up in variance; the ramp is four times larger.
    assert four.sample_std == pytest.approx(np.sqrt(8.0) * one.sample_std)
    np.testing.assert_allclose(four.read_std, 2.0 * one.read_std, rtol=1e-6)
    np.testing.assert_array_equal(four.base, one.base)


def test_parts_that_would_clip_before_they_are_joined_are_refused():
    circuit = validate(CircuitConfig, {"integrator": {"v_sat": "1 V"}}, "circuit")
    with pytest.raises(InputError, match=r"v_sat.*joined in charge from 2 arrays"):
        with_circuit(converter(), circuit, 75.0, parts=2)
