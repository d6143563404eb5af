import pytest

from memramp.config import parse_yaml, validate
from memramp.errors import InputError
from memramp.peripherals.function_config import FunctionConfig, resolve_function
from memramp.peripherals.functions import FUNCTIONS


def config(text):
    return validate(FunctionConfig, parse_yaml(text, "run.yaml"), "run.yaml")


def test_plain_text_is_a_name_of_the_library():
    assert config("gelu").resolve() is FUNCTIONS["gelu"]
    assert config("name: swish").resolve() is FUNCTIONS["silu"]


def test_a_span_takes_the_place_of_the_functions_own():
    relu = config("{name: relu, span: [-1, 6]}").resolve()
    assert relu.output_range() == (0.0, 6.0)
    assert FUNCTIONS["relu"].span == (0.0, 4.0)


def test_expressions_and_tables(tmp_path):
    silu = config("{expression: x * sigmoid(x), span: [-4, 4], folds: [-1.28]}").resolve()
    assert silu.folds == FUNCTIONS["silu"].folds
    (tmp_path / "fn.csv").write_text("x,y\n0,0\n1,1\n2,4\n")
    assert config("table: fn.csv").resolve(tmp_path).output_range() == (0.0, 4.0)
    assert config("{table: fn.csv, span: [0, 1]}").resolve(tmp_path).output_range() == (0.0, 1.0)
    with pytest.raises(InputError, match=r"fn.csv: no such file"):
        config("table: fn.csv").resolve(tmp_path / "elsewhere")


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("{name: relu, expression: x}", "give exactly one of name, expression, table, found name and expression"),
        ("{span: [0, 1]}", "give exactly one of name, expression, table, found none"),
        ("{name: relu, folds: [0]}", "folds belong to an expression or a table, found folds of relu"),
        ("{expression: x}", "an expression needs a span"),
        ("{name: rleu}", "unknown activation function 'rleu'"),
        ("rleu", "unknown activation function 'rleu'"),
        ("{name: relu, spam: 1}", "unknown key 'spam' (did you mean 'span'?)"),
        ("{name: relu, span: [0, .inf]}", "'span.1'"),
        ("{name: relu, span: [0]}", "span"),
        (f"{{expression: x, span: [0, 1], folds: {list(range(16))}}}", "folds"),
        ("3", "run.yaml"),
    ],
)
def test_bad_configurations_are_refused(text, part):
    with pytest.raises(InputError) as caught:
        config(text)
    assert part in str(caught.value)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("{name: relu, span: [1, 0]}", "the span of relu must be two ascending numbers, found 1 and 0"),
        ("{name: relu, span: [-2, -1]}", "relu is constant from -2 to -1"),
        ("{name: sqrt, span: [-2, 1]}", "sqrt is defined from 0 to inf"),
        ("{expression: x**2, span: [-1, 1]}", "turns at x = 0 (minimum)"),
    ],
)
def test_what_cannot_be_realised_is_refused_when_it_is_resolved(text, part):
    with pytest.raises(InputError) as caught:
        config(text).resolve()
    assert part in str(caught.value)


def test_one_entry_tells_names_tables_and_expressions_apart(tmp_path):
    (tmp_path / "fn.csv").write_text("x,y\n0,0\n1,1\n2,0\n")
    assert resolve_function("tanh") is FUNCTIONS["tanh"]
    assert resolve_function("fn.csv", folds=[1], base_folder=tmp_path).folds == (1.0,)
    assert resolve_function("x**3", span=(-1, 1)).output_range() == (-1.0, 1.0)
    assert resolve_function("x", span=(-1, 1)).formula == "x"
    assert resolve_function({"name": "relu"}, span=(0, 2)).span == (0.0, 2.0)
    assert resolve_function(FunctionConfig(name="relu", span=(0.0, 3.0))).span == (0.0, 3.0)
    assert resolve_function(FUNCTIONS["relu"]) is FUNCTIONS["relu"]
    assert resolve_function(FUNCTIONS["relu"], span=(0, 2)).output_range() == (0.0, 2.0)


def test_one_entry_says_what_is_wrong():
    with pytest.raises(InputError, match="unknown activation function 'sigmod'"):
        resolve_function("sigmod")
    with pytest.raises(InputError, match="an expression needs a span"):
        resolve_function("x * 2")
    with pytest.raises(InputError, match="folds belong to an expression or a table"):
        resolve_function("tanh", folds=[0.0])
    with pytest.raises(InputError, match="relu is constant"):
        resolve_function(FUNCTIONS["relu"], span=(-2, -1))
