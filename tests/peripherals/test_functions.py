import numpy as np
import pytest

from memramp.errors import InputError
from memramp.peripherals import FUNCTIONS, get_function

BOTH = pytest.mark.parametrize("function", FUNCTIONS.values(), ids=list(FUNCTIONS))


@BOTH
def test_inverse_undoes_the_function(function):
    v = np.linspace(-8.0, 8.0, 161)
    np.testing.assert_allclose(function.inverse(function(v)), v, atol=1e-8)


@BOTH
def test_derivative_is_the_slope_of_the_function(function):
    v, h = np.linspace(-6.0, 6.0, 121), 1e-5
    slope = (function(v + h) - function(v - h)) / (2 * h)
    np.testing.assert_allclose(function.derivative(v), slope, atol=1e-9)


def test_derivative_keeps_its_digits_far_out_where_the_output_is_rounded_to_its_bound():
    assert FUNCTIONS["tanh"].derivative(25.0) == pytest.approx(4 * np.exp(-50.0), rel=1e-12)
    assert FUNCTIONS["sigmoid"].derivative(50.0) == pytest.approx(np.exp(-50.0), rel=1e-12)


@BOTH
def test_functions_are_increasing_and_symmetric_about_their_centre_within_their_bounds(function):
    v = np.linspace(-10.0, 10.0, 401)
    y = function(v)
    assert (np.diff(y) > 0).all()
    assert function.low < y[0]
    assert y[-1] < function.high
    np.testing.assert_allclose(y + y[::-1], 2 * function.centre, atol=1e-14)


def test_function_of_extreme_inputs_is_the_bound_without_overflow():
    v = np.array([-1e6, 1e6])
    assert FUNCTIONS["sigmoid"](v).tolist() == [0.0, 1.0]
    assert FUNCTIONS["tanh"](v).tolist() == [-1.0, 1.0]


@BOTH
def test_inverse_refuses_outputs_that_the_function_never_takes(function):
    for output in (function.low, function.high, function.high + 1.0, np.nan):
        with pytest.raises(ValueError, match="strictly between"):
            function.inverse(output)


def test_unknown_function_is_named_with_those_that_exist():
    with pytest.raises(InputError, match="'relu', allowed: sigmoid, tanh"):
        get_function("relu")
