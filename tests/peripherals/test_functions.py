import math
import re

import numpy as np
import pytest

from memramp.errors import InputError
from memramp.peripherals.function import Function
from memramp.peripherals.functions import ALIASES, FUNCTIONS, describe_functions, get_function

ALL = pytest.mark.parametrize("function", FUNCTIONS.values(), ids=list(FUNCTIONS))
FOLDED = [name for name, function in FUNCTIONS.items() if function.folds]
KINKS = {
    "hard_sigmoid": (-3.0, 3.0),
    "hard_tanh": (-1.0, 1.0),
    "relu": (0.0,),
    "leaky_relu": (0.0,),
    "selu": (0.0,),
    "sqrt": (0.0,),
    "hard_swish": (-3.0, 3.0),
    "crrelu": (0.0,),
    "polyrelu": (0.0,),
}
IN_TORCH = {
    "sigmoid": "sigmoid",
    "tanh": "tanh",
    "hard_sigmoid": "hardsigmoid",
    "hard_tanh": "hardtanh",
    "softsign": "softsign",
    "softplus": "softplus",
    "relu": "relu",
    "leaky_relu": "leaky_relu",
    "elu": "elu",
    "selu": "selu",
    "gelu": "gelu",
    "silu": "silu",
    "hard_swish": "hardswish",
    "mish": "mish",
}


def span_of(function):
    return function.span or (-3.0, 3.0)


def test_library_has_the_functions_that_it_promises():
    assert set(FUNCTIONS) == {
        *("sigmoid", "tanh", "hard_sigmoid", "hard_tanh", "softplus", "softsign", "relu", "leaky_relu", "elu", "selu"),
        *("exp", "sqrt", "identity", "gelu", "silu", "hard_swish", "mish", "crrelu", "ash", "square", "cube"),
        *("polyrelu", "poly_sigmoid", "snake", "cosine_sum"),
    }


def test_sigmoid_and_tanh_are_computed_as_before_bit_for_bit():
    y = np.arange(1, 34) / 34
    np.testing.assert_array_equal(FUNCTIONS["sigmoid"].inverse(y), np.log(y / (1.0 - y)))
    y = np.arange(-16, 17) / 17
    np.testing.assert_array_equal(FUNCTIONS["tanh"].inverse(y), 0.5 * np.log((1.0 + y) / (1.0 - y)))


@ALL
def test_inverse_undoes_the_function_in_each_section(function):
    for part in function.sections(span_of(function)):
        low, high = sorted((part.at_lo, part.at_hi))
        y = low + (high - low) * np.arange(1, 64) / 64
        v = function.inverse(y, part.index, span_of(function))
        assert ((v >= part.lo) & (v <= part.hi)).all()
        np.testing.assert_allclose(function(v), y, rtol=0, atol=4e-15 * max(abs(low), abs(high), 1.0))
        assert (np.diff(v) > 0).all() if part.rising else (np.diff(v) < 0).all()


@pytest.mark.parametrize(
    ("name", "section"),
    [(name, k) for name, function in FUNCTIONS.items() for k, closed in enumerate(function.inverses) if closed],
)
def test_closed_inverses_agree_with_bisection(name, section):
    function, numeric = FUNCTIONS[name], Function(**{**FUNCTIONS[name].__dict__, "inverses": ()})
    part = function.sections(span_of(function))[section]
    low, high = sorted((part.at_lo, part.at_hi))
    y = low + (high - low) * np.arange(1, 32) / 32
    found, expected = (kind.inverse(y, section, span_of(function)) for kind in (function, numeric))
    # rounding of an output moves its input by 1 / slope: a bound where functions flatten out
    room = 8 * np.spacing(np.maximum(np.abs(y), 1.0)) / np.maximum(np.abs(function.derivative(expected)), 1e-3)
    assert (np.abs(found - expected) <= room + 4 * np.spacing(np.abs(expected))).all()


@ALL
def test_derivative_is_the_slope_of_the_function(function):
    lo, hi = span_of(function)
    v, h = np.linspace(lo, hi, 402)[1:-1], 1e-5
    away = np.all([np.abs(v - kink) > 0.05 for kink in KINKS.get(function.name, ())] or [np.ones(400, bool)], axis=0)
    slope = (function(v + h) - function(v - h)) / (2 * h)
    np.testing.assert_allclose(function.derivative(v)[away], slope[away], atol=3e-9, rtol=3e-8)


def test_derivative_keeps_its_digits_far_out_where_the_output_is_rounded_to_its_bound():
    assert FUNCTIONS["tanh"].derivative(25.0) == pytest.approx(4 * np.exp(-50.0), rel=1e-12)
    assert FUNCTIONS["sigmoid"].derivative(50.0) == pytest.approx(np.exp(-50.0), rel=1e-12)
    assert FUNCTIONS["softplus"].derivative(-50.0) == pytest.approx(np.exp(-50.0), rel=1e-12)
    assert FUNCTIONS["softplus"](-50.0) == pytest.approx(np.exp(-50.0), rel=1e-12)
    assert FUNCTIONS["mish"].derivative(-40.0) == pytest.approx(-39.0 * np.exp(-40.0), rel=1e-12)
    assert FUNCTIONS["gelu"](-20.0) == pytest.approx(-5.507248237212467e-88, rel=1e-12)


@pytest.mark.parametrize("name", FOLDED)
def test_folds_are_the_doubles_nearest_to_extrema(name):
    function = FUNCTIONS[name]
    for k, fold in enumerate(function.folds):
        # The slope changes its sign within three doubles of the fold, the rounding of the slope itself.
        before, after = fold - 4 * np.spacing(abs(fold) or 1e-12), fold + 4 * np.spacing(abs(fold) or 1e-12)
        assert function.derivative(before) * function.derivative(after) < 0
        left, right = function.sections(span_of(function))[k : k + 2]
        assert (left.index, left.hi, right.lo) == (k, fold, fold)
        assert left.rising != right.rising
        assert np.sign(function.derivative(before)) == (1 if left.rising else -1)


@ALL
def test_sections_are_monotone_and_together_cover_the_span(function):
    parts = function.sections(span_of(function))
    assert (parts[0].lo, parts[-1].hi) == span_of(function)
    for part in parts:
        steps = np.diff(function(np.linspace(part.lo, part.hi, 2001))) * (1 if part.rising else -1)
        assert steps.min() > -1e-15 * max(1.0, abs(part.at_lo), abs(part.at_hi))


@ALL
def test_functions_stay_within_their_output_range(function):
    low, high = function.output_range()
    outputs = function(np.linspace(*span_of(function), 5001))
    assert low <= outputs.min()
    assert outputs.max() <= high


@ALL
def test_extreme_inputs_give_no_warning_and_no_nan(function):
    v = np.array([-1e300, -1e6, -800.0, -0.0, 0.0, 800.0, 1e6, 1e300])
    assert not np.isnan(function(v)).any()
    assert not np.isnan(function.derivative(v)).any()


def test_function_of_extreme_inputs_is_the_bound_without_overflow():
    v = np.array([-1e6, 1e6])
    assert FUNCTIONS["sigmoid"](v).tolist() == [0.0, 1.0]
    assert FUNCTIONS["tanh"](v).tolist() == [-1.0, 1.0]


@ALL
def test_a_result_never_shares_memory_with_the_input(function):
    v = np.array([0.25, 0.5])
    assert not np.shares_memory(function(v), v)
    assert not np.shares_memory(function.derivative(v), v)


@ALL
def test_inverse_refuses_outputs_that_the_function_never_takes(function):
    low, high = function.output_range()
    for output in (low - 1.0, high, high + 1.0, np.nan):
        with pytest.raises(ValueError, match="strictly between"):
            function.inverse(output, len(function.folds))


def test_inverse_refuses_sections_that_are_not_there():
    with pytest.raises(ValueError, match="silu has no section 2"):
        FUNCTIONS["silu"].inverse(0.0, 2)


@pytest.mark.parametrize("name", FOLDED)
def test_crossings_are_all_sign_changes_of_a_dense_grid(name):
    function = FUNCTIONS[name]
    lo, hi = span_of(function)
    low, high = function.output_range()
    levels = low + (high - low) * (np.arange(16) + 0.37) / 16
    inputs, directions = function.crossings(levels)
    assert (np.diff(inputs) > 0).all()
    grid = np.linspace(lo, hi, 20001)
    above = function(grid)[:, np.newaxis] >= levels
    changes = np.argwhere(above[1:] != above[:-1])
    assert inputs.size == len(changes)
    for (cell, level), v, direction in zip(changes, inputs, directions, strict=True):
        assert grid[cell] <= v <= grid[cell + 1]
        assert direction == (1 if above[cell + 1, level] else -1)


def test_bisection_finds_zero_itself_and_the_first_double_that_reaches_an_output():
    silu = FUNCTIONS["silu"]
    assert silu.inverse(0.0, 1) == 0.0
    v = float(silu.inverse(1.0, 1))
    assert silu(np.nextafter(v, -np.inf)) < 1.0 <= silu(v)


@pytest.mark.parametrize("name", IN_TORCH)
def test_values_and_slopes_are_those_of_pytorch(name):
    torch = pytest.importorskip("torch")
    v = torch.linspace(-6, 6, 481, dtype=torch.float64, requires_grad=True)
    expected = getattr(torch.nn.functional, IN_TORCH[name])(v)
    expected.sum().backward()
    inputs = v.detach().numpy()
    np.testing.assert_allclose(FUNCTIONS[name](inputs), expected.detach().numpy(), atol=1e-14)
    # At hard_swish's upper kink, PyTorch's slope is that of neither side.
    smooth = np.abs(inputs) != 3.0 if name == "hard_swish" else np.full(481, True)
    np.testing.assert_allclose(FUNCTIONS[name].derivative(inputs)[smooth], v.grad.numpy()[smooth], atol=1e-14)


def test_formulas_of_the_literature():
    v = np.array([-2.0, -0.5, 0.75, 1.5])
    relu = np.maximum(v, 0)
    np.testing.assert_allclose(FUNCTIONS["crrelu"](v), relu + 0.01 * v * np.exp(-(v**2) / 2), rtol=1e-14)
    np.testing.assert_allclose(FUNCTIONS["ash"](v), v / (1 + np.exp(-2 * (v - 1))), rtol=1e-14)
    np.testing.assert_allclose(FUNCTIONS["snake"](v), v + np.sin(v) ** 2, rtol=1e-14)
    np.testing.assert_allclose(FUNCTIONS["polyrelu"](v), (relu + relu**2 + relu**3) / 3, rtol=1e-14)
    waves = sum(a * np.cos(w * v - np.pi / 2) for a, w in ((0.6, 1), (0.3, 2), (0.1, 4)))
    np.testing.assert_allclose(FUNCTIONS["cosine_sum"](v), waves, atol=1e-14)
    sigmoid = FUNCTIONS["sigmoid"](np.linspace(-8, 8, 101))
    assert np.abs(FUNCTIONS["poly_sigmoid"](np.linspace(-8, 8, 101)) - sigmoid).max() < 0.12


def test_sqrt_keeps_its_value_outside_its_domain_and_refuses_a_span_there():
    sqrt = FUNCTIONS["sqrt"]
    assert sqrt([-4.0, 0.0, 4.0]).tolist() == [0.0, 0.0, 2.0]
    assert sqrt.derivative([-4.0, 0.0, 4.0]).tolist() == [0.0, 0.0, 0.25]
    with pytest.raises(InputError, match="sqrt is defined from 0 to inf, found the span -1 to 1"):
        sqrt.sections((-1.0, 1.0))


@pytest.mark.parametrize("span", [(1.0, 1.0), (2.0, 1.0), (0.0, math.inf), (math.nan, 1.0), (-1e308, 1e308)])
def test_spans_that_are_none_are_refused(span):
    with pytest.raises(InputError, match="the span of relu must be two ascending numbers"):
        FUNCTIONS["relu"].sections(span)


def test_a_span_in_which_nothing_changes_is_refused():
    with pytest.raises(InputError, match="relu is constant from -3 to -1"):
        FUNCTIONS["relu"].output_range((-3.0, -1.0))


def test_a_function_that_is_unbounded_needs_a_span():
    ramp = Function("ramp", "x", np.positive, np.ones_like)
    with pytest.raises(InputError, match="ramp needs a span"):
        ramp.output_range()


def test_aliases_name_the_same_functions():
    assert get_function("swish") is FUNCTIONS["silu"]
    assert get_function("linear") is FUNCTIONS["identity"]
    assert not set(ALIASES) & set(FUNCTIONS)


def test_unknown_function_is_named_with_those_that_exist():
    with pytest.raises(InputError, match=r"'rleu', allowed: sigmoid, tanh, .*relu"):
        get_function("rleu")


def test_listing_tells_each_function_with_its_source():
    rows = describe_functions()
    assert [row.name for row in rows] == list(FUNCTIONS)
    silu = next(row for row in rows if row.name == "silu")
    assert silu.aliases == ("swish",)
    assert silu.output_range[1] == FUNCTIONS["silu"](4.0)
    cited = {row.name for row in rows if row.source != "standard"}
    assert set(FOLDED) | {"cube", "polyrelu", "snake", "elu", "selu"} == cited
    assert all(re.search(r"arXiv:\d{4}\.\d{4,5}|doi 10\.|PMLR", row.source) for row in rows if row.name in cited)
