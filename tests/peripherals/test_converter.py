from dataclasses import replace

import numpy as np
import pytest

from memramp.config import validate
from memramp.devices import ConstantNoise, Device, load_preset
from memramp.errors import InputError
from memramp.peripherals import (
    ActivationConfig,
    build_converter,
    design_ramp,
    ideal_levels,
    nladc,
    program_ramp,
    uniform_adc,
)

IDEAL = Device(g_min=0.0, g_max=150.0)
READ = Device(g_min=0.0, g_max=150.0, read_noise=ConstantNoise(sigma=3.5))
V = np.random.default_rng(2).normal(0.0, 2.0, (50, 24)).astype(np.float32)


def build(function="sigmoid", device=IDEAL, seed=1, **settings):
    return build_converter(ActivationConfig(**settings), function, device, np.random.default_rng(seed))


@pytest.mark.parametrize(
    ("function", "levels"),
    [("sigmoid", "paper"), ("sigmoid", "midpoint"), ("tanh", "paper"), ("tanh", "midpoint"), ("softsign", "midpoint"),
     ("gelu", "midpoint"), ("silu", "midpoint")],
)  # fmt: skip
@pytest.mark.parametrize("bits", [2, 3, 5, 8, 12])
def test_ideal_ramp_converter_counts_the_ideal_thresholds_to_one_ulp(function, levels, bits):
    converter = build(function, bits=bits, levels=levels)
    thresholds = ideal_levels(function, bits, levels).thresholds.astype(np.float32)
    below = np.nextafter(thresholds, np.float32(-np.inf))
    assert converter.bits == bits
    for v in (thresholds, below):  # v >= V_i counts
        assert converter.convert(v[None]).tolist() == [np.searchsorted(thresholds, v, side="right").tolist()]


def test_a_function_with_folds_has_more_thresholds_than_codes_and_a_counter_that_turns():
    levels = ideal_levels("gelu", 6, "midpoint")
    converter = build("gelu", bits=6)
    counts = np.arange(levels.thresholds.size + 1)
    assert converter.base.size > 63
    readings = converter.counter_reading(counts)
    assert readings.tolist() == levels.codes.tolist()
    assert (np.diff(readings) < 0).any()
    assert readings.max() == 63
    v = np.linspace(-4.0, 3.9, 200)
    found = converter.decode(converter.convert(v[None]))[0]
    smooth = levels.function(v)
    inside = (smooth > levels.outputs.min()) & (smooth < levels.outputs.max())
    assert np.abs(found - smooth)[inside].max() <= levels.lsb / 2 + 1e-6


def test_codes_are_the_counts_unless_the_counter_turns():
    converter = build(bits=3)
    assert converter.codes.tolist() == list(range(8))
    folded = replace(converter, codes=np.array([3, 2, 1, 0, 1, 2, 3, 4]))
    assert folded.counter_reading(np.array([[0, 3, 7]])).tolist() == [[3, 0, 4]]
    assert folded.bits == 3
    for bad in (np.arange(7), np.arange(8) - 1):
        with pytest.raises(ValueError, match="code >= 0 for each of 8 counts"):
            replace(converter, codes=bad)


@pytest.mark.parametrize(
    ("counts", "early", "cycles"),
    [([0, 5, 2], False, 32), ([0, 5, 2], True, 7), ([0, 0], True, 2), ([30, 0], True, 32), ([31], True, 32)],
)
def test_a_conversion_takes_a_clock_for_the_start_and_one_for_each_comparison(counts, early, cycles):
    converter = build(bits=5)
    assert converter.cycles(np.array([counts, counts], np.int16), early).tolist() == [cycles] * 2
    assert replace(converter, early_stop=early).cycles(np.array(counts)).tolist() == cycles


@pytest.mark.parametrize("kind", ["nladc", "uniform_adc"])
@pytest.mark.parametrize("bits", [2, 3, 5, 8, 12])
def test_a_sweep_of_the_input_meets_every_code_once_in_order(kind, bits):
    converter = build("tanh", kind=kind, bits=bits)
    ends = [[-9.0], (converter.thresholds[1:] + converter.thresholds[:-1]) / 2, [9.0]]
    assert converter.convert(np.concatenate(ends)[None]).tolist() == [list(range(2**bits))]


def test_paper_converter_is_the_floor_quantiser_of_the_released_code():
    decoded = build(levels="paper", bits=5)
    f = 1.0 / (1.0 + np.exp(-V.astype(np.float64)))
    floor = np.clip(np.floor(34 * f), 0, 31) / 34
    assert (decoded.decode(decoded.convert(V)) == floor.astype(np.float32)).all()


def test_midpoint_converter_is_never_off_by_more_than_half_an_lsb():
    converter = build("tanh", levels="midpoint", bits=5)
    error = converter.decode(converter.convert(V)) - np.tanh(V)
    assert np.abs(error).max() <= 1 / 32 + 1e-6


def test_read_noise_of_a_conversion_is_common_to_all_its_columns_and_fresh_for_each_sample():
    converter = build(device=READ)
    same = np.repeat(V[:, :1], 24, axis=1)
    codes = converter.convert(same, key=3)
    assert (codes == codes[:, :1]).all()
    fixed = converter.convert(np.full((200, 1), 0.4), key=3)
    assert np.unique(fixed).size > 1


def test_codes_do_not_depend_on_the_batch_split_but_on_key_step_and_purpose():
    converter = build(device=READ)
    whole = converter.convert(V, key=3, step=2)
    halves = [converter.convert(V[:20], key=3, step=2), converter.convert(V[20:], key=3, first_sample=20, step=2)]
    assert (np.concatenate(halves) == whole).all()
    for other in ({"key": 4, "step": 2}, {"key": 3, "step": 1}, {"key": 3, "step": 2, "purpose": 1}):
        assert (converter.convert(V, **other) != whole).any()


def test_a_conversion_agrees_with_the_ramp_that_it_read():
    ramp = program_ramp(design_ramp("sigmoid", 5, "midpoint", READ), READ, np.random.default_rng(1))
    converter = nladc(ramp)
    codes = converter.convert(V, key=3, first_sample=7, step=2, purpose=1)
    for b, row in enumerate(V):
        thresholds = converter.read_thresholds(3, sample=7 + b, step=2, purpose=1)
        assert codes[b].tolist() == np.searchsorted(thresholds, row, side="right").tolist()


def test_uniform_adc_has_even_steps_over_its_range_and_the_function_at_their_middles():
    converter = uniform_adc("sigmoid", 3, 4.0)
    assert converter.thresholds.tolist() == [-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0]
    middles = np.array([-3.5, -2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 3.5])
    np.testing.assert_allclose(converter.outputs, 1 / (1 + np.exp(-middles)), rtol=1e-6)
    assert converter.convert([[-99.0, -3.5, 0.0, 99.0]]).tolist() == [[0, 0, 4, 7]]
    assert not converter.noisy


def test_uniform_adc_reaches_as_far_as_the_ramp_unless_told_otherwise():
    for levels in ("paper", "midpoint"):
        converter = build("tanh", kind="uniform_adc", bits=5, levels=levels)
        reach = ideal_levels("tanh", 5, levels).range
        assert -converter.thresholds[0] == pytest.approx(reach * 30 / 32)
    assert build(kind="uniform_adc", bits=1, range=2.0).thresholds.tolist() == [0.0]


def test_many_uniform_bits_approach_the_function():
    converter = build("tanh", kind="uniform_adc", bits=12, range=10.0)
    np.testing.assert_allclose(converter.decode(converter.convert(V)), np.tanh(V), atol=10 / 4096 + 1e-6)


def test_uniform_adc_draws_nothing_from_the_devices():
    noisy = load_preset("yang2025_150us")
    one, two = build(kind="uniform_adc", device=noisy, seed=1), build(kind="uniform_adc", device=noisy, seed=2)
    assert (one.thresholds == two.thresholds).all()
    assert (build(device=noisy, seed=1).thresholds != build(device=noisy, seed=2).thresholds).any()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused_instead_of_coded(bad):
    with pytest.raises(ValueError, match="finite"):
        build().convert([[0.0, bad]])


def test_a_single_vector_is_refused():
    with pytest.raises(ValueError, match=r"\[batch, n\], found \(3,\)"):
        build().convert(np.zeros(3))


def test_an_empty_batch_is_converted_to_nothing():
    assert build(device=READ).convert(np.zeros((0, 5)), key=1).shape == (0, 5)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"bits": 0}, "'bits': .*greater than or equal to 1, found 0"),
        ({"bits": 40}, "'bits': .*less than or equal to 12, found 40"),
        ({"bits": True}, "'bits': .*integer"),
        ({"bits": 5.5}, "'bits': .*integer"),
        ({"bits": 1}, "2 to 12, found 1"),
        ({"kind": "sar"}, "'kind': .*'nladc' or 'uniform_adc'"),
        ({"levels": "lloyd"}, "'levels': .*'paper', 'midpoint'"),
        ({"calibration": "three_point"}, "'calibration.kind'"),
        ({"kind": "uniform_adc", "range": 0.0}, "'range'"),
        ({"kind": "uniform_adc", "range": -1.0}, "'range'"),
        ({"kind": "nladc", "range": 3.0}, "range belongs to kind 'uniform_adc'"),
        ({"bit": 5}, "unknown key 'bit'"),
    ],
)
def test_bad_settings_are_refused_in_one_sentence(settings, message):
    with pytest.raises(InputError, match=message) as caught:
        validate(ActivationConfig, settings, "activation")
    assert "\n" not in str(caught.value)


def test_a_ramp_that_the_devices_cannot_hold_is_refused():
    with pytest.raises(InputError, match="at most 4 bits"):
        build(device=load_preset("readc_taox"), bits=5, levels="midpoint")


@pytest.mark.parametrize(("bits", "full_scale"), [(0, 1.0), (13, 1.0), (True, 1.0), (5, 0.0), (5, np.inf), (5, np.nan)])
def test_uniform_adc_refuses_what_cannot_be(bits, full_scale):
    with pytest.raises(InputError, match="uniform ADC must be"):
        uniform_adc("sigmoid", bits, full_scale)


def test_a_converter_of_sizes_that_do_not_fit_is_refused():
    good = build()
    with pytest.raises(ValueError, match=r"found \(30, 31, 32\)"):
        replace(good, base=good.base[1:])


def test_a_ramp_that_falls_back_converts_by_its_first_crossing():
    falling = replace(uniform_adc("sigmoid", 2, 1.0), base=np.array([-0.5, 0.4, 0.1], np.float32))
    assert falling.convert([[-0.6, 0.0, 0.2, 0.4]]).tolist() == [[0, 1, 1, 3]]
    assert falling.thresholds.tolist() == falling.read_thresholds(key=1).tolist()


def test_a_noisy_converter_needs_a_key_and_counters_within_32_bits():
    converter = build(device=READ)
    with pytest.raises(ValueError, match="needs a key"):
        converter.convert(V)
    for counters in ({"first_sample": 2**32}, {"first_sample": -2}, {"step": 2**32}, {"purpose": -1}):
        with pytest.raises(ValueError, match=r"lie in 0..2\*\*32 - 1"):
            converter.convert(V, key=1, **counters)
