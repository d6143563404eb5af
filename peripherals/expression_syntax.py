"""From text to a checked syntax tree, and from the tree to values: no `eval`, and nothing but arithmetic gets in.

Python's own parser reads the text; then every node must be on a short list. What is left is evaluated on float64
arrays, at a cost that the length of the text bounds.
"""

import ast
import math
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from functools import reduce
from types import MappingProxyType

import numpy as np

from memramp.config import describe
from memramp.errors import InputError
from memramp.peripherals import dual
from memramp.peripherals.dual import ELEMENTARY, Dual, FloatArray

MAX_CHARACTERS = 500
MAX_DEPTH = 50
MAX_EXPONENT = 64

CONSTANTS: Mapping[str, float] = MappingProxyType({"pi": math.pi, "e": math.e})
"""Names of numbers; besides, ``x`` is the input."""

_SELECTIONS: Mapping[str, Callable[[Dual, Dual], Dual]] = MappingProxyType({"min": dual.least, "max": dual.greatest})
_OPERATIONS: Mapping[type[ast.operator], Callable[[Dual, Dual], Dual]] = MappingProxyType(
    {ast.Add: dual.add, ast.Sub: dual.subtract, ast.Mult: dual.multiply, ast.Div: dual.divide}
)
_STRANGE = re.compile(r"[^A-Za-z0-9_+\-*/()., \t]")
_ALLOWED = f"x, {', '.join(CONSTANTS)}, numbers, + - * / **, and the functions {', '.join([*ELEMENTARY, *_SELECTIONS])}"


def parse_expression(text: str) -> ast.expr:
    """Return the syntax tree of an expression of x.

    Raises
    ------
    InputError
        The text is too long, no expression, or holds anything but numbers, x, arithmetic and the listed functions.
    """
    if len(text) > MAX_CHARACTERS:
        raise InputError(f"an expression has at most {MAX_CHARACTERS} characters, found {len(text)}")
    strange = _STRANGE.search(text)
    if strange:
        hint = "; powers are written **" if strange.group() == "^" else ""
        raise _refusal(text, f"found {strange.group()!r}{hint}")
    tree = _parse(text)
    powers = [node for node in _checked(tree, text) if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow)]
    for node in powers:
        _check_exponent(node.right, text)
    return tree


def evaluate(tree: ast.expr, x: FloatArray) -> Dual:
    """Return values and derivatives of a checked tree, without NumPy's warnings.

    Parameters
    ----------
    tree : ast.expr
        From `parse_expression`.
    x : ndarray
        Inputs.
    """
    with np.errstate(all="ignore"):
        found = _evaluate(tree, Dual(x, np.ones_like(x)))
    return Dual(*(np.broadcast_to(part, x.shape).copy() for part in found))


def _parse(text: str) -> ast.expr:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python warns of things like 1if, which are refused below
            return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise InputError(f"{describe(text)} is no expression, expected something like 'x / (1 + exp(-x))'") from None


def _checked(tree: ast.expr, text: str) -> Iterator[ast.expr]:
    """Yield all nodes that stand for values, each after its check."""
    waiting: list[tuple[ast.expr, int]] = [(tree, 1)]
    while waiting:
        node, depth = waiting.pop()
        if depth > MAX_DEPTH:
            raise InputError(f"{describe(text)} is nested more than {MAX_DEPTH} deep")
        waiting += [(part, depth + 1) for part in _parts(node, text)]
        yield node


def _parts(node: ast.expr, text: str) -> list[ast.expr]:
    """Return the operands of a node, or refuse it."""
    match node:
        case ast.BinOp(op=ast.Add() | ast.Sub() | ast.Mult() | ast.Div() | ast.Pow()):
            return [node.left, node.right]
        case ast.UnaryOp(op=ast.UAdd() | ast.USub()):
            return [node.operand]
        case ast.Constant():
            return _check_number(node, text)
        case ast.Name():
            return _check_name(node.id, text)
        case ast.Call(func=ast.Name(id=name)):
            return _check_call(node, name, text)
    strange = node.op if isinstance(node, ast.BinOp | ast.UnaryOp | ast.BoolOp) else node
    raise _refusal(text, f"found {type(strange).__name__}")


def _check_number(node: ast.Constant, text: str) -> list[ast.expr]:
    number = node.value
    if type(number) not in (int, float) or abs(number) > 1e300:  # type: ignore[arg-type]
        raise _refusal(text, f"found {describe(number)}")
    return []


def _check_name(name: str, text: str) -> list[ast.expr]:
    if name in ELEMENTARY or name in _SELECTIONS:
        raise InputError(f"{describe(text)}: the function {name} needs its argument in parentheses")
    if name != "x" and name not in CONSTANTS:
        raise _refusal(text, f"found the name {describe(name)}")
    return []


def _check_call(node: ast.Call, name: str, text: str) -> list[ast.expr]:
    if name not in ELEMENTARY and name not in _SELECTIONS:
        raise _refusal(text, f"found the function {describe(name)}")
    if node.keywords:
        raise _refusal(text, f"found a named argument of {name}")
    count, wanted = len(node.args), "1 argument" if name in ELEMENTARY else "2 arguments or more"
    if (name in ELEMENTARY and count != 1) or (name in _SELECTIONS and count < 2):
        raise InputError(f"{describe(text)}: the function {name} takes {wanted}, found {count}")
    return node.args


def _check_exponent(node: ast.expr, text: str) -> None:
    varies = any(isinstance(part, ast.Name) and part.id == "x" for part in ast.walk(node))
    found = math.nan if varies else float(evaluate(node, np.zeros(1)).value[0])
    if not abs(found) <= MAX_EXPONENT:
        shown = "one that varies with x (write exp(x * log(2)) for 2**x)" if varies else f"{found:g}"
        raise InputError(
            f"{describe(text)}: exponents must be numbers from -{MAX_EXPONENT} to {MAX_EXPONENT}, found {shown}"
        )


def _refusal(text: str, found: str) -> InputError:
    return InputError(f"{describe(text)}: {found}, allowed in an expression: {_ALLOWED}")


def _evaluate(node: ast.expr, x: Dual) -> Dual:
    match node:
        case ast.BinOp(op=ast.Pow()):
            return dual.power(_evaluate(node.left, x), float(_evaluate(node.right, x).value.flat[0]))
        case ast.BinOp():
            return _OPERATIONS[type(node.op)](_evaluate(node.left, x), _evaluate(node.right, x))
        case ast.UnaryOp(op=ast.USub()):
            operand = _evaluate(node.operand, x)
            return Dual(-operand.value, -operand.slope)
        case ast.UnaryOp():
            return _evaluate(node.operand, x)
        case ast.Name(id="x"):
            return x
        case ast.Name(id=name):
            return _constant(CONSTANTS[name])
        case ast.Constant(value=int() | float() as number):
            return _constant(float(number))
        case ast.Call(func=ast.Name(id=name)) if name in ELEMENTARY:
            return dual.apply(ELEMENTARY[name], _evaluate(node.args[0], x))
        case ast.Call(func=ast.Name(id=name)):
            return reduce(_SELECTIONS[name], [_evaluate(argument, x) for argument in node.args])
    raise AssertionError(f"unchecked {type(node).__name__}")


def _constant(number: float) -> Dual:
    return Dual(np.array(number), np.array(0.0))
