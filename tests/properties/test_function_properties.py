from contextlib import suppress

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from memramp.errors import InputError
from memramp.peripherals.bisection import from_order, to_order
from memramp.peripherals.expression import function_from_expression
from memramp.peripherals.functions import FUNCTIONS

NAMES = st.sampled_from(list(FUNCTIONS))


@st.composite
def functions_with_spans(draw):
    function = FUNCTIONS[draw(NAMES)]
    lo, hi = function.span or (-5.0, 5.0)
    ends = st.floats(0.0, 1.0)
    a, b = sorted((lo + (hi - lo) * draw(ends), lo + (hi - lo) * draw(ends)))
    low, high = (float(function(end)) for end in (a, b))
    return function, (a, b) if b - a > 1e-3 and abs(high - low) > 1e-3 else (lo, hi)


@settings(max_examples=150, deadline=None)
@given(functions_with_spans(), st.lists(st.floats(0.001, 0.999), min_size=1, max_size=20, unique=True))
def test_crossings_are_complete_and_exact(chosen, places):
    function, span = chosen
    low, high = function.output_range(span)
    levels = np.unique(low + (high - low) * np.array(places))
    inputs, directions = function.crossings(levels, span)
    assert (np.diff(inputs) >= 0).all()
    room = 1e-14 * max(abs(low), abs(high), 1.0)
    at = function(inputs)
    assert (np.abs(at[:, np.newaxis] - levels).min(axis=1) <= room).all()
    # Walking up from the lower end, the count of levels below the output is what the crossings say.
    grid = np.linspace(*span, 997)
    counted = (function(grid)[:, np.newaxis] >= levels - room).sum(axis=1)
    strictly = (function(grid)[:, np.newaxis] >= levels + room).sum(axis=1)
    start = int((float(function(span[0])) >= levels).sum())
    followed = start + np.array([directions[: np.searchsorted(inputs, v, side="right")].sum() for v in grid])
    assert (strictly <= followed).all()
    assert (followed <= counted).all()


@settings(max_examples=100, deadline=None)
@given(NAMES, st.floats(0.001, 0.999))
def test_inverse_undoes_the_function(name, place):
    function = FUNCTIONS[name]
    span = function.span or (-5.0, 5.0)
    for part in function.sections(span):
        y = part.at_lo + (part.at_hi - part.at_lo) * place
        v = float(function.inverse(y, part.index, span))
        assert part.lo <= v <= part.hi
        assert abs(float(function(v)) - y) <= 1e-14 * max(1.0, abs(part.at_lo), abs(part.at_hi))


@settings(max_examples=100, deadline=None)
@given(NAMES, st.floats(-1e9, 1e9))
def test_values_and_slopes_are_numbers_everywhere(name, v):
    assert np.isfinite(FUNCTIONS[name].derivative(v)) or abs(v) > 700
    assert not np.isnan(FUNCTIONS[name](v))


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="x0123456789+-*/(). ,epi_expsinlogmax", max_size=40))
def test_any_text_becomes_a_function_or_a_sentence(text):
    with suppress(InputError):
        function = function_from_expression(text, (0.25, 1.75))
        assert np.isfinite(function(np.linspace(0.0, 2.0, 50))).all()


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(-0.95, 0.95), min_size=1, max_size=6, unique_by=lambda root: round(root, 1)))
def test_the_extrema_of_a_polynomial_are_found(roots):
    roots = sorted(roots)
    if len(roots) > 1 and min(np.diff(roots)) < 0.08:
        return
    polynomial = np.polynomial.Polynomial.fromroots(roots).integ()
    terms = [f"{float(c)!r} * x**{k}" for k, c in enumerate(polynomial.coef)]
    text = " + ".join(terms)
    outputs = polynomial(np.array([-1.0, *roots, 1.0]))
    if min(abs(np.diff(outputs))) < 1e-5:
        return
    function = function_from_expression(text, (-1.0, 1.0), folds=roots)
    np.testing.assert_allclose(function.folds, roots, atol=1e-9)


@given(st.floats(allow_nan=False), st.floats(allow_nan=False))
def test_the_order_of_doubles_is_theirs(a, b):
    order = to_order([a, b])
    assert (order[0] < order[1]) == (a < b or (a == b and np.signbit(a) > np.signbit(b)))
    np.testing.assert_array_equal(from_order(order), [a, b])
