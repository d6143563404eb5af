import json

import numpy as np
import pytest

from memramp.devices import Device
from memramp.errors import InputError
from memramp.peripherals import (
    FUNCTIONS,
    design_ramp,
    function_from_expression,
    get_function,
    ideal_levels,
    load_density,
    normal_density,
)
from memramp.peripherals.density import Density, Recording, histogram, load_recording, save_recording
from memramp.peripherals.placement import best_outputs, halfway, lloyd_max_levels, outputs_of, refine

DEVICE = Device(g_min=0.0, g_max=150.0)


def least_squared_error(y, mass, count):
    """The exact optimum by dynamic programming over all ways to cut the points into `count` pieces."""
    total, first = np.concatenate([[0], np.cumsum(mass)]), np.concatenate([[0], np.cumsum(mass * y)])
    second = np.concatenate([[0], np.cumsum(mass * y**2)])

    def cost(i, j):
        weight = total[j] - total[i]
        return second[j] - second[i] - (first[j] - first[i]) ** 2 / weight

    n = y.size
    best = [cost(0, j) if j else 0.0 for j in range(n + 1)]
    for _ in range(count - 1):
        best = [0.0] + [min([best[i] + cost(i, j) for i in range(1, j)] or [best[j]]) for j in range(1, n + 1)]
    return best[n]


@pytest.mark.parametrize("name", ["sigmoid", "tanh", "identity"])
@pytest.mark.parametrize("count", [4, 8])
def test_lloyd_max_outputs_reach_the_exact_optimum(name, count):
    function, density = get_function(name), normal_density(0.3, 1.2)
    points, weights = density.points[::4], density.weights[::4] / density.weights[::4].sum()
    y, mass = outputs_of(function, points, weights, (-6.0, 6.0))
    outputs = best_outputs(y, mass, count)
    codes = np.searchsorted(halfway(outputs), y)
    found, least = np.sum(mass * (y - outputs[codes]) ** 2), least_squared_error(y, mass, count)
    assert least * (1 - 1e-12) <= found < 1.02 * least  # Lloyd's iteration ends in an optimum of its neighbourhood


# Max, IRE Trans. Inf. Theory 6, 7 (1960), doi 10.1109/TIT.1960.1057548, table I: thresholds and outputs above 0 for a
# normal density of standard deviation 1, and the mean squared error.
MAX_TABLE = {
    2: ([0.9816], [0.4528, 1.510], 0.1175),
    3: ([0.5006, 1.050, 1.748], [0.2451, 0.7560, 1.344, 2.152], 0.03454),
}


@pytest.mark.parametrize("bits", MAX_TABLE)
def test_lloyd_max_levels_of_a_linear_ramp_are_those_of_the_printed_table(bits):
    thresholds, outputs, error = MAX_TABLE[bits]
    density = normal_density(0.0, 1.0)
    levels = lloyd_max_levels(get_function("identity"), bits, density, (-5.0, 5.0))
    half = 2 ** (bits - 1)
    np.testing.assert_allclose(levels.thresholds[half:], thresholds, atol=4e-3)
    np.testing.assert_allclose(levels.outputs[half:], outputs, atol=4e-3)
    points, weights = refine(density)
    found = np.sum(weights * (points - levels.outputs[np.searchsorted(levels.thresholds, points)]) ** 2)
    assert found == pytest.approx(error, rel=4e-3)


@pytest.mark.parametrize("name", ["sigmoid", "tanh", "gelu", "softplus"])
@pytest.mark.parametrize("bits", [3, 5])
def test_lloyd_max_levels_err_less_than_those_that_do_not_know_the_density(name, bits):
    function, density = get_function(name), normal_density(-0.5, 1.0)
    points, weights = refine(density)
    y = function(np.clip(points, *function.resolved_span()))

    def error(levels):
        return np.sum(weights * (y - levels.outputs[np.searchsorted(levels.thresholds, points)]) ** 2)

    best = error(lloyd_max_levels(function, bits, density))
    assert best < 0.95 * error(ideal_levels(function, bits, "midpoint"))
    assert best < error(ideal_levels(function, bits, "uniform"))


def test_outputs_on_a_grid_lie_in_the_middle_of_its_parts_and_err_hardly_more():
    density = normal_density(0.0, 1.5)
    free = lloyd_max_levels(get_function("tanh"), 4, density)
    gridded = lloyd_max_levels(get_function("tanh"), 4, density, output_bits=8)
    places = (gridded.outputs + 1.0) * 128 - 0.5
    np.testing.assert_allclose(places, np.rint(places), atol=1e-9)
    assert np.abs(gridded.outputs - free.outputs).max() <= 1 / 256 + 1e-12
    np.testing.assert_allclose(np.tanh(gridded.thresholds), halfway(gridded.outputs), atol=1e-12)


def test_a_grid_that_is_too_coarse_or_no_finer_than_the_codes_is_refused():
    narrow = normal_density(0.0, 0.02)
    with pytest.raises(InputError, match="grid of 5 bits is too coarse"):
        lloyd_max_levels(get_function("tanh"), 4, narrow, output_bits=5)
    with pytest.raises(InputError, match="output_bits must be 5 to 16 for 4-bit levels, found 4"):
        lloyd_max_levels(get_function("tanh"), 4, narrow, output_bits=4)


def test_levels_from_data_need_data_and_few_enough_bits():
    with pytest.raises(InputError, match="'lloyd_max' need a density"):
        design_ramp("tanh", 5, "lloyd_max", DEVICE)
    with pytest.raises(InputError, match="2 to 8, found 9"):
        design_ramp("tanh", 9, "lloyd_max", DEVICE, density=normal_density(0, 1))
    flat = Density(np.linspace(-2.0, -1.0, 64), np.full(64, 1 / 64), "where a ReLU is 0")
    with pytest.raises(InputError, match="1 different outputs only, too few to place 8 levels"):
        lloyd_max_levels(get_function("relu"), 3, flat)
    with pytest.raises(InputError, match="output_bits belongs to levels that follow from data"):
        design_ramp("tanh", 5, "midpoint", DEVICE, output_bits=8)


@pytest.mark.parametrize("name", ["sigmoid", "tanh", "relu", "softplus", "identity"])
def test_uniform_levels_are_a_linear_ramp_whose_outputs_are_the_means_of_their_parts(name):
    levels = ideal_levels(name, 4, "uniform")
    steps = np.diff(levels.thresholds)
    np.testing.assert_allclose(steps, steps[0], rtol=1e-9)
    v = np.linspace(levels.thresholds[4], levels.thresholds[5], 100_001)
    assert levels.outputs[5] == pytest.approx(float(np.mean(levels.function(v))), abs=1e-6)
    design = design_ramp(name, 4, "uniform", DEVICE)
    np.testing.assert_allclose(design.column.target[design.column.clock > design.first], 150.0)


def test_a_span_bounds_the_outputs_of_an_unbounded_function():
    levels = ideal_levels("relu", 3, "midpoint", span=(-1.0, 4.0))
    np.testing.assert_allclose(levels.thresholds, 0.5 * np.arange(1, 8))
    np.testing.assert_allclose(levels.outputs, 0.25 + 0.5 * np.arange(8))
    for span in ((1.0, 1.0), (2.0, -2.0), (float("nan"), 1.0), (0.0, float("inf"))):
        with pytest.raises(InputError, match="two ascending numbers"):
            ideal_levels("relu", 3, "midpoint", span=span)
    with pytest.raises(InputError, match="relu is constant from -4 to -1"):
        ideal_levels("relu", 3, "midpoint", span=(-4.0, -1.0))
    with pytest.raises(InputError, match="sqrt is defined from 0 to inf, found the span -1 to 2"):
        ideal_levels("sqrt", 3, "midpoint", span=(-1.0, 2.0))


def test_paper_levels_are_for_rising_functions():
    with pytest.raises(InputError, match="levels 'paper' are for functions that rise throughout"):
        ideal_levels("gelu", 5, "paper")


def test_where_a_function_falls_the_counter_counts_down():
    levels = ideal_levels("gelu", 5, "midpoint")
    fold = levels.function.folds[0]
    falling = levels.thresholds < fold
    assert falling.any()
    assert (levels.directions == np.where(falling, -1, 1)).all()
    assert set(levels.codes) == set(range(32))
    v = np.linspace(*levels.function.resolved_span(), 4001)
    outputs = levels.outputs[np.searchsorted(levels.thresholds, v, side="right")]
    assert np.abs(outputs - levels.function(v)).max() <= levels.lsb / 2 * (1 + 1e-9)


@pytest.mark.parametrize("span", [(-1.0, 2.0), (-2.0, 1.0), (-2.0, 2.0)])
def test_a_span_may_begin_or_end_right_at_a_border_between_codes(span):
    levels = ideal_levels(function_from_expression("x ** 2", span, (0.0,)), 4, "midpoint")
    v = np.linspace(*span, 4002)
    outputs = levels.outputs[np.searchsorted(levels.thresholds, v, side="right")]
    assert np.abs(outputs - v**2).max() <= levels.lsb / 2 * (1 + 1e-9)


def test_a_recording_survives_its_file_and_gives_the_span_that_holds_a_part_of_it(tmp_path):
    samples = np.random.default_rng(1).normal(1.0, 2.0, 100_000)
    recording = Recording(network="n", data="d", functions={"tanh": histogram(samples)})
    save_recording(tmp_path / "r.json", recording)
    assert load_recording(str(tmp_path / "r.json")) == recording
    density = load_density(str(tmp_path / "r.json"), "tanh")
    assert density.weights.sum() == pytest.approx(1.0)
    assert np.sum(density.weights * density.points) == pytest.approx(1.0, abs=0.03)
    lo, hi = density.span(0.9)
    assert (lo, hi) == (pytest.approx(1 - 1.645 * 2, abs=0.06), pytest.approx(1 + 1.645 * 2, abs=0.06))
    with pytest.raises(InputError, match="between 0 and 1, found 1"):
        density.span(1.0)
    with pytest.raises(InputError, match="no pre-activations of 'sigmoid', only of tanh"):
        load_density(str(tmp_path / "r.json"), "sigmoid")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("normal:0", "expected normal:MEAN,STD"),
        ("normal:0,0", "positive standard deviation"),
        ("normal:nan,1", "mean of -1e.06 to 1e.06 and a positive standard deviation up to 1e.06, found nan and 1"),
        ("normal:0,1e308", "standard deviation up to 1e.06, found 0 and 1e.308"),
        ("normal:-1e7,1", "mean of -1e.06 to 1e.06 .* found -1e.07 and 1"),
        ("nowhere", "unknown density 'nowhere', allowed: demo_keywords_float, speech_commands_float, normal"),
        ("gone.json", "gone.json: no such file"),
    ],
)
def test_a_density_that_does_not_exist_is_refused(text, message):
    with pytest.raises(InputError, match=message):
        load_density(text, "tanh")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d["functions"]["tanh"].update(lo=5.0, hi=5.0), "lo must lie below hi"),
        (lambda d: d["functions"]["tanh"].update(counts=[0] * 20), "no pre-activations at all"),
        (lambda d: d["functions"]["tanh"]["counts"].__setitem__(0, -1), "greater than or equal to 0"),
        (lambda d: d["functions"]["tanh"]["counts"].__setitem__(3, 10**400), "counts.3.*less than or equal to 10{15}"),
        (lambda d: d["functions"]["tanh"].update(lo=-1.7e308, hi=1.7e308), "tanh.lo.*greater than or equal to -10{6}"),
        (lambda d: d.update(memramp_preactivations=2), "memramp_preactivations"),
    ],
)
def test_a_recording_that_is_none_is_refused(tmp_path, change, message):
    content = {
        "memramp_preactivations": 1,
        "network": "n",
        "data": "d",
        "functions": {"tanh": {"lo": -1.0, "hi": 1.0, "counts": [1] * 20}},
    }
    change(content)
    path = tmp_path / "r.json"
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match=message):
        load_density(str(path), "tanh")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"network": "\xe9"}', r"r.json: not UTF-8 text \(byte 13\)"),
        (b'{"network": "n", "network": "n"}', "the key 'network' stands twice"),
        (b'{"functions": NaN}', "numbers must be finite, found NaN"),
        (b"[" * 100_000, "nested too deeply"),
        (b"lo,hi", "r.json: not JSON"),
    ],
)
def test_a_recording_that_is_no_json_is_refused_in_a_sentence(tmp_path, content, message):
    path = tmp_path / "r.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        load_density(str(path), "tanh")


def test_recorded_samples_must_differ_and_be_finite():
    for samples in ([], [1.0, 1.0], [1.0, np.nan], [1.0, 1e7]):
        with pytest.raises(InputError, match="recorded pre-activations"):
            histogram(samples)


def test_shipped_recordings_hold_what_an_lstm_needs():
    for name in ("demo_keywords_float", "speech_commands_float"):
        for function in ("sigmoid", "tanh"):
            assert load_density(name, function).weights.sum() == pytest.approx(1.0)
            assert function in FUNCTIONS
