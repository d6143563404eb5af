"""A user's own activation function, written as an expression of x."""

from collections.abc import Sequence

from memramp.config import describe
from memramp.peripherals.expression_syntax import evaluate, parse_expression
from memramp.peripherals.function import FloatArray, Function, Span, check_span, saturating
from memramp.peripherals.turning import verified_folds


def function_from_expression(text: str, span: Span, folds: Sequence[float] = (), name: str | None = None) -> Function:
    """Return the function that an expression describes, if a ramp can realise it.

    The expression is parsed, never executed: numbers, x, ``pi``, ``e``, ``+ - * / **`` with constant exponents, and the
    functions of `memramp.peripherals.dual.ELEMENTARY`, ``min`` and ``max``. Its derivative is exact (forward mode). It
    is examined at 4097 places of the span; what happens between two of them may be overlooked. Outside the span, the
    function keeps the value that it has at its ends.

    Parameters
    ----------
    text : str
        Such as ``x / (1 + exp(-1.7 * x))``; at most 500 characters.
    span : tuple of float
        Inputs that the converter resolves [pre-activation].
    folds : sequence of float
        Inputs at which the function turns, each within 1 % of the span; they are refined [pre-activation].
    name : str, optional
        Name in tables and figures; the expression itself unless given.

    Raises
    ------
    InputError
        The text holds anything else, or the function is not finite, constant, jumps, turns more than 15 times, turns
        where no fold is declared, or does not turn where one is.

    Examples
    --------
    >>> swish = function_from_expression("x * sigmoid(1.7 * x)", (-4, 4), folds=[-0.75])
    >>> swish.folds
    (-0.7520379663300434,)
    """
    where = describe(text.strip())
    inner = check_span(span, where)
    tree = parse_expression(text)

    def value(v: FloatArray) -> FloatArray:
        return evaluate(tree, v).value

    def slope(v: FloatArray) -> FloatArray:
        return evaluate(tree, v).slope

    found = verified_folds(value, slope, inner, folds, where)
    held, inner_slope = saturating(value, slope, inner)
    return Function(
        name or text.strip(),
        text.strip(),
        held,
        inner_slope,
        domain=inner,
        span=inner,
        folds=found,
        source="expression",
    )
