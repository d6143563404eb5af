import ast
from pathlib import Path

import numpy as np
import pytest
from scipy.special import erf, expit

from memramp.errors import InputError
from memramp.peripherals import expression_syntax
from memramp.peripherals.expression import function_from_expression
from memramp.peripherals.functions import FUNCTIONS

X = np.linspace(0.1, 0.9, 33)
VALUES = {
    "x": X,
    "-x + +2": 2 - X,
    "1 - x * 2 / 4": 1 - X / 2,
    "x**3": X**3,
    "2 * x**-2": 2 * X**-2,
    "x**0.5": np.sqrt(X),
    "x**(1/3)": np.cbrt(X),
    "-x**2 + 5*x": 5 * X - X**2,
    "pi * x + e": np.pi * X + np.e,
    "exp(x)": np.exp(X),
    "expm1(x)": np.expm1(X),
    "log(x)": np.log(X),
    "log1p(x)": np.log1p(X),
    "sqrt(x)": np.sqrt(X),
    "sin(x)": np.sin(X),
    "cos(x)": np.cos(X),
    "tan(x)": np.tan(X),
    "atan(x)": np.arctan(X),
    "sinh(x)": np.sinh(X),
    "cosh(x)": np.cosh(X),
    "tanh(x)": np.tanh(X),
    "erf(x)": erf(X),
    "sigmoid(x)": expit(X),
    "softplus(x)": np.log1p(np.exp(X)),
    "relu(x - 0.52)": np.maximum(X - 0.52, 0),
    "abs(x - 2)": 2 - X,
    "x * sign(x)": X,
    "min(x, 0.52)": np.minimum(X, 0.52),
    "max(x, 0.22, 0.31)": np.maximum(X, 0.31),
    "1e-3 * x + .5": 1e-3 * X + 0.5,
}


@pytest.mark.parametrize("text", VALUES)
def test_values_and_derivatives(text):
    function = function_from_expression(text, (0.05, 0.95))
    np.testing.assert_allclose(function(X), VALUES[text], rtol=1e-14)
    h = 1e-6
    slopes = (function(X + h) - function(X - h)) / (2 * h)
    np.testing.assert_allclose(function.derivative(X), slopes, rtol=1e-7, atol=1e-9)


def test_derivative_keeps_its_digits_where_the_function_saturates():
    function = function_from_expression("tanh(x)", (-30, 30))
    assert function.derivative(25.0) == pytest.approx(4 * np.exp(-50.0), rel=1e-12)


@pytest.mark.parametrize("name", ["silu", "gelu", "mish", "poly_sigmoid", "cosine_sum", "crrelu", "ash"])
def test_presets_written_as_expressions_have_the_same_folds_and_values(name):
    texts = {
        "silu": "x * sigmoid(x)",
        "gelu": "x * (1 + erf(x / sqrt(2))) / 2",
        "mish": "x * tanh(softplus(x))",
        "poly_sigmoid": "0.5 + 1.20096 * (x / 8) - 0.81562 * (x / 8)**3",
        "cosine_sum": "0.6 * cos(x - pi/2) + 0.3 * cos(2*x - pi/2) + 0.1 * cos(4*x - pi/2)",
        "crrelu": "relu(x) + 0.01 * x * exp(-x**2 / 2)",
        "ash": "x / (1 + exp(-2 * (x - 1)))",
    }
    preset = FUNCTIONS[name]
    written = function_from_expression(texts[name], preset.span, [round(fold, 3) for fold in preset.folds])
    np.testing.assert_allclose(written.folds, preset.folds, rtol=4e-15)
    v = np.linspace(*preset.span, 201)
    np.testing.assert_allclose(written(v), preset(v), atol=4e-15)


def test_undeclared_turns_are_named_so_that_they_can_be_pasted():
    with pytest.raises(InputError) as caught:
        function_from_expression("x * sigmoid(x)", (-4, 4))
    expected = (
        "'x * sigmoid(x)' turns at x = -1.27846454 (minimum); declare it with folds=-1.27846454 or narrow the span"
    )
    assert str(caught.value) == expected
    assert function_from_expression("x * sigmoid(x)", (-4, 4), [-1.27846454]).folds == FUNCTIONS["silu"].folds
    with pytest.raises(InputError, match=r"at x = -1.5707\d+ \(minimum\) and at x = 1.57\d+ \(maximum\); declare them"):
        function_from_expression("sin(x)", (-3, 3))
    with pytest.raises(InputError, match=r"turns at x = 1.57\d+ \(maximum\); declare them with folds=-1.57\d+,1.57"):
        function_from_expression("sin(x)", (-3, 3), [-1.57])


@pytest.mark.parametrize(
    ("text", "folds", "part"),
    [
        ("x", [0.0], "does not turn at x = 0, found in folds; it turns nowhere"),
        ("x**2", [0.5], "does not turn at x = 0.5, found in folds; it turns at x = 0 (minimum)"),
        ("x**2", [0.0, 0.001], "does not turn at x = 0.001, found in folds"),
        ("x**2", [float("nan")], "does not turn at x = nan"),
    ],
)
def test_declared_folds_that_are_none_are_refused(text, folds, part):
    with pytest.raises(InputError) as caught:
        function_from_expression(text, (-1, 1.1), folds)
    assert part in str(caught.value)


def test_kinks_and_plateaus_are_folds_too():
    assert function_from_expression("abs(x - 0.25)", (-1, 2), [0.25]).folds == (0.25,)
    assert function_from_expression("abs(x)**0.5", (-1, 2), [0]).folds == (0.0,)
    table = function_from_expression("min(relu(x + 2), 1) - relu(x - 1)", (-4, 4), [-1])
    assert table.folds[0] == pytest.approx(-1, abs=1e-15)
    assert table.crossings([0.5, -0.5])[0].tolist() == [-1.5, 1.5, 2.5]


def test_flat_pieces_are_taken_where_the_function_does_not_turn():
    function = function_from_expression("max(min(x, 1), -1)", (-3, 3))
    assert function.folds == ()
    assert function.crossings([-0.5, 0.5])[0].tolist() == [-0.5, 0.5]


def test_rounding_noise_is_no_turn():
    assert function_from_expression("x + 1e-13 * sin(50 * x)", (-1, 1)).folds == ()
    assert function_from_expression("1 - sigmoid(-x)", (-60, 60)).folds == ()


@pytest.mark.parametrize(
    ("text", "span", "part"),
    [
        ("3", (0, 1), "is constant from 0 to 1"),
        ("x - x + 1/3", (0, 1), "is constant from 0 to 1"),
        ("sin(100 * x)", (-1, 1), "turns 64 times from -1 to 1, allowed: at most 15"),
        ("log(x)", (-1, 1), "must be finite throughout its span, found nan at x = -1"),
        ("1 / x", (-1, 1), "found inf at x = 0"),
        ("log(abs(x))", (-1, 1.1), "found -inf at x = 0"),
        ("exp(1000 * x)", (0, 1), "found inf at x = 0.7"),
        ("1 / x", (-1, 2), "jumps at x = 0;"),
        ("tan(x)", (-1, 2), "jumps at x = 1.57079633;"),
        ("sign(x - 0.3)", (-1, 1), "jumps at x = 0.3;"),
        ("x + 0.01 * sign(x)", (-1, 2), "jumps at x = 0;"),
        ("x", (1, 0), "must be two ascending numbers, found 1 and 0"),
        ("x", (0, float("inf")), "must be two ascending numbers"),
        ("x", (float("nan"), 1), "must be two ascending numbers"),
    ],
)
def test_functions_that_no_ramp_can_realise_are_refused(text, span, part):
    with pytest.raises(InputError) as caught:
        function_from_expression(text, span)
    assert part in str(caught.value)
    assert text in str(caught.value)


@pytest.mark.parametrize("text", ["tanh(1000 * x)", "sqrt(x)", "x**0.1", "x**(1/64)", "exp(200 * x)"])
def test_steep_functions_are_not_mistaken_for_jumps(text):
    assert function_from_expression(text, (0, 1)).folds == ()


HOSTILE = {
    "__import__('os').system('true')": 'found "\'"',
    "__import__(x)": "found the function '__import__'",
    "eval(x)": "found the function 'eval'",
    "open(x)": "found the function 'open'",
    "x.__class__": "found Attribute",
    "exp.__globals__": "found Attribute",
    "x.real(x)": "found Call",
    "(exp)(x)(x)": "found Call",
    "lambda: x": "found ':'",
    "[x for x in x]": "found '['",
    "(x for x in x)": "found GeneratorExp",
    "x[0]": "found '['",
    "{x}": "found '{'",
    "'a'": 'found "\'"',
    '"a"': "found '\"'",
    "f'{x}'": 'found "\'"',
    "x := 3": "found ':'",
    "x = 3": "found '='",
    "x; x": "found ';'",
    "x\nx": "found '\\n'",
    "x\x00": "found '\\x00'",
    "\uff58": "found '\uff58'",
    "x if x else x": "found IfExp",
    "x and x": "found And",
    "not x": "found Not",
    "await x": "found Await",
    "(yield x)": "found Yield",
    "x, x": "found Tuple",
    "()": "found Tuple",
    "...": "found Ellipsis",
    "None": "found None",
    "True + x": "found True",
    "1j * x": "found 1j",
    "x // 2": "found FloorDiv",
    "x % 2": "found '%'",
    "~x": "found '~'",
    "x @ x": "found '@'",
    "x < 1": "found '<'",
    "y + 1": "found the name 'y'",
    "X": "found the name 'X'",
    "exp": "the function exp needs its argument in parentheses",
    "exp()": "the function exp takes 1 argument, found 0",
    "exp(x, x)": "the function exp takes 1 argument, found 2",
    "max(x)": "the function max takes 2 arguments or more, found 1",
    "max(*x, x)": "found Starred",
    "x^2": "found '^'; powers are written **",
    "2**x": "exponents must be numbers from -64 to 64, found one that varies with x",
    "9**9**9": "exponents must be numbers from -64 to 64, found 3.8742e+08",
    "x**(1/0)": "exponents must be numbers from -64 to 64, found inf",
    "x**log(-1)": "exponents must be numbers from -64 to 64, found nan",
    "x**65": "found 65",
    "1e999 * x": "found inf",
    "1" * 400: "found 11111",
    "": "is no expression",
    "x x": "is no expression",
    "x +": "is no expression",
    "0x1for x": "found Or",
    "x" + " + x" * 60: "is nested more than 50 deep",
    "-" * 400 + "x": "is nested more than 50 deep",
    "exp(" * 99 + "x" + ")" * 99: "is nested more than 50 deep",
    "(" * 245 + "x" + ")" * 245: "is no expression",
    "x + " * 1000 + "x": "an expression has at most 500 characters, found 4001",
}


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_and_mistaken_text_is_refused_in_one_sentence(text):
    with pytest.raises(InputError) as caught:
        function_from_expression(text, (0.0, 1.0))
    assert HOSTILE[text] in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_the_module_has_no_way_to_run_code():
    tree = ast.parse(Path(expression_syntax.__file__).read_text())
    called = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    assert not called & {"eval", "exec", "compile", "getattr", "__import__", "open"}


def test_outside_the_span_the_function_keeps_the_value_at_its_end_and_its_slope_is_0():
    function = function_from_expression("log(x)", (0.5, 2.0))
    assert function([0.0, 0.5, 2.0, 1e300]).tolist() == np.log([0.5, 0.5, 2.0, 2.0]).tolist()
    assert function.derivative([0.0, 0.5, 3.0]).tolist() == [0.0, 2.0, 0.0]
    with pytest.raises(InputError, match=r"is defined from 0.5 to 2"):
        function.sections((0.1, 2.0))


def test_slopes_are_finite_where_the_derivative_is_not():
    assert function_from_expression("sqrt(x)", (0.0, 1.0)).derivative(0.0) == 0.0
    assert function_from_expression("sqrt(relu(x))", (-1.0, 1.0)).derivative([-0.5, 0.25]).tolist() == [0.0, 1.0]


def test_crossings_of_an_expression_are_exact_to_the_last_bit():
    function = function_from_expression("x**2 - x", (-1.0, 2.0), [0.5])
    inputs, directions = function.crossings([0.0, 0.75])
    assert inputs.tolist() == [-0.5, 0.0, 1.0, 1.5]
    assert directions.tolist() == [-1, -1, 1, 1]


def test_name_is_the_text_unless_given():
    assert function_from_expression(" x*2 ", (0, 1)).name == "x*2"
    named = function_from_expression("x*2", (0, 1), name="twice")
    assert (named.name, named.formula) == ("twice", "x*2")
